// Package durable writes the files that nobody wants to lose: keys, certificates,
// key packs, settings. What it has returned from survives a power failure.
//
// Its system calls are these: create beside the target, write, fsync, rename, fsync
// of the folder.
package durable
