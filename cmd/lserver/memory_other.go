//go:build !linux

package main

import "runtime/debug"

// trim gives back the memory that an idle server does not need.
func trim() { debug.FreeOSMemory() }
