package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	tscli "github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/control"
)

// What a license server on this machine is told goes through its control socket.
func TestLocalCommands(t *testing.T) {
	dir := t.TempDir()
	socket, err := control.Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	doubted, activated, scope := true, true, "domain"
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- control.ServeListener(ctx, socket, map[string]control.Handler{
			"confirm-clock": func(context.Context, json.RawMessage) (any, error) {
				was := doubted
				doubted = false
				return map[string]bool{"doubted": was}, nil
			},
			"scope": func(_ context.Context, in json.RawMessage) (any, error) {
				if len(in) > 0 && string(in) != "null" {
					if err := json.Unmarshal(in, &scope); err != nil {
						return nil, err
					}
				}
				return map[string]string{"scope": scope}, nil
			},
			"deactivate": func(context.Context, json.RawMessage) (any, error) {
				if !activated {
					return nil, errors.New("the license server is not activated")
				}
				activated = false
				return map[string]string{"server_id": "LAB-1"}, nil
			},
		})
	}()
	for _, tt := range []struct {
		args string
		code int
		says string
	}{
		{"confirm-clock --lserver " + dir, 0, "taken as it is"},
		{"confirm-clock --lserver " + dir, tscli.CodeNothing, "no doubt"},
		{"scope --lserver " + dir, 0, "domain\n"},
		{"scope --lserver " + dir + " enterprise", 0, "enterprise\n"},
		{"scope --json --lserver " + dir, 0, `"scope":"enterprise"`},
		{"scope --lserver " + dir + " domain workgroup", tscli.CodeUsage, "unexpected argument"},
		{"deactivate --lserver " + dir, 0, "it was LAB-1"},
		{"deactivate --lserver " + dir, 1, "not activated"},
		{"deactivate --confirmation LAB-D --lserver " + dir, tscli.CodeUsage, "one of the two"},
		{"deactivate --lserver " + t.TempDir(), 1, "no program"},
	} {
		var out, errs bytes.Buffer
		code := tscli.Run(t.Context(), command(), append([]string{"licmgr"}, strings.Fields(tt.args)...), &out, &errs)
		if code != tt.code || !strings.Contains(out.String()+errs.String(), tt.says) {
			t.Errorf("licmgr %s: exit code %d, %s%s; want %d, %q", tt.args, code, out.String(), errs.String(), tt.code, tt.says)
		}
		if strings.HasPrefix(tt.args, "scope --json") {
			checkShape(t, "scope", out.String(), scopeShape)
		}
	}
	cancel()
	if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
