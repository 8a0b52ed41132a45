package control

import (
	"context"
	"encoding/json"
	"os"
	"runtime"
)

// ProcessOp is the operation that every program has beside its own: what the process
// holds, as [Process].
const ProcessOp = "process"

// Process is what a running program holds, after a collection of garbage.
type Process struct {
	PID        int    `json:"pid"`
	Goroutines int    `json:"goroutines"`
	Heap       uint64 `json:"heap"` // bytes
}

func process(context.Context, json.RawMessage) (any, error) {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return Process{PID: os.Getpid(), Goroutines: runtime.NumGoroutine(), Heap: m.HeapAlloc}, nil
}
