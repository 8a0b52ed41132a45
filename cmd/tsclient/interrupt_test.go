package main

import (
	"bytes"
	"context"
	"net"
	"path/filepath"
	"strings"
	"testing"

	tscli "github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/eventlog"
)

// TestInterrupted gives up at a server that takes connections and says nothing.
func TestInterrupted(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, interrupt := context.WithCancel(t.Context())
	go func() {
		if c, err := l.Accept(); err == nil {
			defer c.Close()
			interrupt()
			c.Read(make([]byte, 1<<10)) // until the client leaves
			c.Read(make([]byte, 1<<10))
		}
	}()
	dir := t.TempDir()
	var out, errs bytes.Buffer
	code := tscli.Run(ctx, command(), []string{"tsclient", "connect", "--json", "--state", dir, l.Addr().String()}, &out, &errs)
	if code != tscli.CodeInterrupted || !strings.Contains(out.String(), `"outcome":"interrupted"`) || errs.Len() > 0 {
		t.Errorf("exit status %d, want %d and an interruption\n%s%s", code, tscli.CodeInterrupted, &out, &errs)
	}
	events, err := eventlog.ReadFile(filepath.Join(dir, "events.jsonl"))
	if err != nil || len(events) > 0 {
		t.Errorf("it says of the server: %v, %v", events, err)
	}
}
