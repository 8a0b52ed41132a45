//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/tslab/tslab/netlab/fault"
)

// The operations of a kept lab's control socket that `tslab fault` asks for.

// partitionRequest asks for a partition.
type partitionRequest struct {
	Name   string     `json:"name"`
	Groups [][]string `json:"groups"`
}

// fault lays a fault and answers with it, named.
func (h *hands) fault(ctx context.Context, in json.RawMessage) (any, error) {
	var f fault.Fault
	if err := json.Unmarshal(in, &f); err != nil {
		return nil, fmt.Errorf("fault: %w", err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.lab.Fault(ctx, f)
}

func (h *hands) faults(ctx context.Context, _ json.RawMessage) (any, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.lab.Faults(ctx)
}

// heal takes the faults of these names away; all for none.
func (h *hands) heal(ctx context.Context, in json.RawMessage) (any, error) {
	var names []string
	if err := json.Unmarshal(in, &names); err != nil {
		return nil, fmt.Errorf("heal: %w", err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return nil, h.lab.Heal(ctx, names...)
}

func (h *hands) partition(ctx context.Context, in json.RawMessage) (any, error) {
	var r partitionRequest
	if err := json.Unmarshal(in, &r); err != nil {
		return nil, fmt.Errorf("partition: %w", err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.lab.Partition(ctx, r.Name, r.Groups)
}
