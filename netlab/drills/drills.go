// Package drills holds the drills that come with the lab. It has no code; what a
// drill can do is netlab/script's business.
package drills

import "embed"

// Files are the drills, a .star file each.
//
//go:embed *.star
var Files embed.FS
