package main

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	ucli "github.com/urfave/cli/v3"

	"github.com/tslab/tslab/client"
	"github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/clock"
	"github.com/tslab/tslab/internal/control"
	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/ts"
)

func termsrv(t *testing.T, in string, args ...string) (code int, out, errs string) {
	t.Helper()
	var stdout, stderr strings.Builder
	cmd := command()
	cmd.Reader = strings.NewReader(in)
	code = cli.Run(t.Context(), cmd, append([]string{"termsrv"}, args...), &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

func TestUser(t *testing.T) {
	code, line, errs := termsrv(t, "geheim\n", "user", "lab")
	if code != cli.CodeDone {
		t.Fatalf("status %d, %s", code, errs)
	}
	users, err := ts.ParseUsers(strings.NewReader(line), "users")
	if err != nil {
		t.Fatal(err)
	}
	if name, err := users.Check("lab", "geheim"); err != nil || name != "lab" {
		t.Errorf("%q, %v", name, err)
	}
	for in, args := range map[string][]string{"": {"user", "lab"}, "x": {"user"}, "y": {"user", "a:b"}} {
		if code, out, _ := termsrv(t, in, args...); code == cli.CodeDone || out != "" {
			t.Errorf("%v: status %d, %q", args, code, out)
		}
	}
}

func TestRefuses(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		args []string
		code int
		want string
	}{
		"no state":    {nil, cli.CodeUsage, "state"},
		"port in use": {[]string{"--listen", taken.Addr().String()}, cli.CodeRefused, "in use by another program"},
		"edition":     {[]string{"--edition", "nt4"}, cli.CodeUsage, "nt4"},
		"security":    {[]string{"--security", "x"}, cli.CodeUsage, "--security"},
		"mode":        {[]string{"--mode", "x"}, cli.CodeUsage, "--mode"},
		"knob":        {[]string{"--set", "x=y"}, cli.CodeUsage, "x"},
		"users":       {[]string{"--users", text}, cli.CodeRefused, "termsrv user NAME"},
		"no users":    {[]string{"--users", filepath.Join(dir, "none")}, cli.CodeRefused, "users file"},
		"roots":       {[]string{"--roots", text}, cli.CodeRefused, "no certificate in PEM"},
		"transcript":  {[]string{"--listen", "127.0.0.1:0", "--transcript", filepath.Join(dir, "none", "x")}, cli.CodeRefused, "transcript"},
		"clock":       {[]string{"--listen", "127.0.0.1:0", "--clock", filepath.Join(dir, "none")}, cli.CodeRefused, "clock"},
		"argument":    {[]string{"now"}, cli.CodeUsage, ""},
	} {
		t.Run(name, func(t *testing.T) {
			args := tt.args
			if name != "no state" {
				args = append([]string{"--state", t.TempDir()}, args...)
			}
			code, _, errs := termsrv(t, "", args...)
			if code != tt.code || !strings.Contains(errs, tt.want) {
				t.Errorf("status %d, %q; want %d and %q", code, errs, tt.code, tt.want)
			}
		})
	}
}

// TestServe runs the program as a drill does, and asks its control socket.
func TestServe(t *testing.T) {
	dir := t.TempDir()
	state, calendar := filepath.Join(dir, "state"), filepath.Join(dir, "clock")
	start := time.Date(2003, 3, 3, 9, 0, 0, 0, time.UTC)
	if err := clock.CreateLab(calendar, start); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan int, 1)
	var out strings.Builder // to be read once it is done
	go func() {
		done <- cli.Run(ctx, command(), []string{"termsrv", "--state", state, "--host", "ts1", "--listen", "127.0.0.1:0", "--clock", calendar},
			&out, io.Discard)
	}()
	events := filepath.Join(state, "events.jsonl")
	var ready eventlog.Event
	for ready.Name == "" {
		select {
		case code := <-done:
			t.Fatalf("ended with status %d", code)
		case <-time.After(5 * time.Millisecond): // the file is what a drill reads too
		}
		all, _ := eventlog.ReadFile(events)
		for _, e := range all {
			if e.Name == "program.ready" {
				ready = e
			}
		}
	}
	var status ts.Status
	if err := control.Call(ctx, state, "status", nil, &status); err != nil {
		t.Fatal(err)
	}
	if status.Host != "ts1" || status.Address != ready.Fields["address"] || status.Edition != "w2k-sp3" || status.Now.Sub(start) > time.Hour {
		t.Errorf("status: %+v", status)
	}
	persona, err := client.FindPersona(client.DefaultPersona)
	if err != nil {
		t.Fatal(err)
	}
	store, err := client.OpenStore(persona, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s, err := client.Connect(ctx, &client.Config{Server: status.Address, Persona: persona, Store: store, Name: "PC-1", User: "lab", Password: "lab"})
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	cancel()
	if code := <-done; code != cli.CodeDone && code != cli.CodeInterrupted {
		t.Errorf("ended with status %d", code)
	}
	if said := "  termsrv  termsrv is ready on " + status.Address + "\n"; !strings.Contains(out.String(), said) {
		t.Errorf("printed %q, want %q in it", out.String(), said)
	}
	all, err := eventlog.ReadFile(events)
	if err != nil || len(all) == 0 || all[len(all)-1].Name != "program.stopped" {
		t.Errorf("last event of %d: %v", len(all), err)
	}
}

// TestSet: every knob that a terminal server reads can be set where it is started, one
// by one, and no other.
func TestSet(t *testing.T) {
	for _, k := range edition.Knobs() {
		for _, e := range edition.All() {
			value := k.Default(e)
			if value == "-" {
				continue
			}
			cmd := command()
			cmd.Action = func(_ context.Context, c *ucli.Command) error {
				_, err := configFrom(c)
				return err
			}
			value = strings.ReplaceAll(value, ", ", ",")
			err := cmd.Run(t.Context(), []string{"termsrv", "--state", "x", "--edition", e.String(), "--set", k.Name + "=" + value})
			if takes := k.Readers&(edition.TerminalServer|edition.Calendar) != 0; takes != (err == nil) || !takes && !strings.Contains(err.Error(), "cannot be set here") {
				t.Errorf("%s=%s in %s: %v", k.Name, value, e, err)
			}
		}
	}
}
