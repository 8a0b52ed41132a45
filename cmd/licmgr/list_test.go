package main

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	tscli "github.com/tslab/tslab/internal/cli"
)

func licmgr(t *testing.T, ctx context.Context, args ...string) (code int, out, errs string) {
	t.Helper()
	var stdout, stderr strings.Builder
	code = tscli.Run(ctx, command(), append([]string{"licmgr"}, args...), &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

// TestList lists license servers at given addresses; those that do not answer are left
// out.
//
// proves R135
func TestList(t *testing.T) {
	server, state := startServer(t), t.TempDir()
	code, out, errs := licmgr(t, t.Context(), "list", "--state", state, "127.0.0.1:1", server)
	if code != tscli.CodeDone || !strings.Contains(out, "LS1") || !strings.Contains(out, "not activated") || strings.Contains(out, "127.0.0.1:1 ") {
		t.Errorf("status %d, %s%s", code, out, errs)
	}
	code, out, errs = licmgr(t, t.Context(), "list", "--state", state, "--json", server)
	var list []found
	if err := json.Unmarshal([]byte(out), &list); err != nil || code != tscli.CodeDone || len(list) != 1 ||
		list[0] != (found{Name: "LS1", Address: server, Scope: "workgroup", Edition: "w2k-sp3"}) {
		t.Errorf("status %d, %v, %+v%s", code, err, list, errs)
	}
	checkShape(t, "list", out, listShape)
	if code, out, errs = licmgr(t, t.Context(), "list", "--state", state, "127.0.0.1:1"); code != tscli.CodeNothing || !strings.Contains(errs, "no license server answers") {
		t.Errorf("nobody: status %d, %s%s", code, out, errs)
	}
	if code, _, errs = licmgr(t, t.Context(), "list", "--state", state, "not an address"); code != tscli.CodeUsage {
		t.Errorf("no address: status %d, %s", code, errs)
	}
}

func TestWatchTells(t *testing.T) {
	one, two := found{Name: "ls1", Address: "10.0.0.1:3343", Scope: "workgroup"}, found{Name: "ls2", Address: "10.0.0.2:3343", Scope: "workgroup"}
	activated := one
	activated.Activated = true
	var out bytes.Buffer
	if err := printChanges(&out, map[string]found{one.Address: one, two.Address: two}, []found{activated, {Name: "ls3", Address: "10.0.0.3:3343"}}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"ls1 at 10.0.0.1:3343 is activated now", "ls2 at 10.0.0.2:3343 does not answer any more", "ls3 at 10.0.0.3:3343 is there, not activated"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
	out.Reset()
	if err := printChanges(&out, map[string]found{one.Address: one}, []found{one}); err != nil || out.Len() != 0 {
		t.Errorf("nothing changed: %q, %v", out.String(), err)
	}
}

// TestWatch goes on until it is interrupted.
func TestWatch(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	code, out, errs := licmgr(t, ctx, "list", "--state", t.TempDir(), "--watch", "--every", "20ms", "--json", startServer(t))
	if code != tscli.CodeDone && code != tscli.CodeInterrupted || strings.Count(out, "LS1") < 2 {
		t.Errorf("status %d, %s%s", code, out, errs)
	}
}
