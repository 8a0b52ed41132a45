package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"

	"github.com/tslab/tslab/discovery/dc"
	"github.com/tslab/tslab/internal/control"
)

// What the commands ask of the server.

type recordIn struct {
	Text string `json:"text"`
}

type removeIn struct {
	Name    string `json:"name"`
	Type    string `json:"type"`
	Content string `json:"content"`
}

type removed struct {
	Records int `json:"records"`
}

type faultIn struct {
	Name string `json:"name"`
	On   bool   `json:"on"`
}

type groupIn struct {
	Host  string `json:"host"`
	Group string `json:"group"`
	In    bool   `json:"in"`
}

type siteIn struct {
	Prefix netip.Prefix `json:"prefix"`
	Site   string       `json:"site"` // empty: takes the subnet out
}

// status is what the domain controller knows, and where it answers about names.
type status struct {
	dc.Directory
	DNS string `json:"dns"` // host:port
}

// handlers are the operations of the control socket.
func handlers(s *dc.Controller, dns string) map[string]control.Handler {
	return map[string]control.Handler{
		"status":     func(context.Context, json.RawMessage) (any, error) { return status{s.Directory(), dns}, nil },
		"record-add": handler(func(in recordIn) (any, error) { return nil, s.AddRecord(in.Text) }),
		"record-remove": handler(func(in removeIn) (any, error) {
			n, err := s.RemoveRecords(in.Name, in.Type, in.Content)
			return removed{n}, err
		}),
		"stale": handler(func(in faultIn) (any, error) { return nil, s.SetStale(in.Name, in.On) }),
		"hide":  handler(func(in faultIn) (any, error) { return nil, s.SetHidden(in.Name, in.On) }),
		"group": handler(func(in groupIn) (any, error) { return nil, s.SetGroup(in.Host, in.Group, in.In) }),
		"site":  handler(func(in siteIn) (any, error) { return nil, s.SetSubnet(in.Prefix, in.Site) }),
	}
}

func handler[T any](f func(T) (any, error)) control.Handler {
	return func(_ context.Context, raw json.RawMessage) (any, error) {
		var in T
		if err := json.Unmarshal(raw, &in); err != nil {
			return nil, fmt.Errorf("not what this operation takes: %w", err)
		}
		return f(in)
	}
}
