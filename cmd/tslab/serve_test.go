package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	ucli "github.com/urfave/cli/v3"

	"github.com/tslab/tslab/client"
	"github.com/tslab/tslab/internal/admin"
	"github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/program"
)

// tslab runs the command and returns its exit status and what it printed.
func tslab(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var stdout, stderr strings.Builder
	code = cli.Run(t.Context(), command(), append([]string{"tslab"}, args...), &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

// served is a running `tslab serve`.
type served struct {
	addr, state string
	licenses    string // address of its license server
	lines       chan string
	stop        func() int
}

// serve starts `tslab serve` in this process and waits until it has said how to
// connect.
func serve(t *testing.T, args ...string) *served {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	s := &served{lines: make(chan string, 1000)}
	go func() {
		for in := bufio.NewScanner(r); in.Scan(); {
			s.lines <- in.Text()
		}
		close(s.lines)
	}()
	code := make(chan int, 1)
	go func() {
		code <- cli.Run(ctx, command(), append([]string{"tslab", "serve", "--listen", "127.0.0.1:0"}, args...), w, w)
		w.Close()
	}()
	s.stop = sync.OnceValue(func() int {
		cancel()
		return <-code
	})
	t.Cleanup(func() { s.stop() })
	s.addr = s.await(t, `^TSLab serves Remote Desktop at (\S+) `)
	s.licenses = s.await(t, `^Who holds what: \S*licmgr show --tokens --server (\S+)$`)
	s.state = s.await(t, `^State: (.*)$`)
	return s
}

// await reads lines until one matches, and returns its first group.
func (s *served) await(t *testing.T, pattern string) string {
	t.Helper()
	expr := regexp.MustCompile(pattern)
	timeout := time.After(30 * time.Second)
	for {
		select {
		case line, ok := <-s.lines:
			if !ok {
				t.Fatalf("the server ended before it said %s", pattern)
			}
			if m := expr.FindStringSubmatch(line); m != nil {
				return m[len(m)-1]
			}
		case <-timeout:
			t.Fatalf("the server did not say %s", pattern)
		}
	}
}

func connect(t *testing.T, addr string, store client.Store) {
	t.Helper()
	persona, err := client.FindPersona(client.DefaultPersona)
	if err != nil {
		t.Fatal(err)
	}
	s, err := client.Connect(t.Context(), &client.Config{
		Server: addr, Persona: persona, Store: store, Name: "PC-1", User: "lab", Password: "lab",
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
}

func newStore(t *testing.T) client.Store {
	t.Helper()
	persona, err := client.FindPersona(client.DefaultPersona)
	if err != nil {
		t.Fatal(err)
	}
	store, err := client.OpenStore(persona, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// TestServe is the newcomer's way: serve, connect twice, move the clock, stop.
func TestServe(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	s := serve(t)
	store := newStore(t)
	connect(t, s.addr, store)
	s.await(t, `2003-03-03 09:0\d:\d\d  termsrv  PC-1 was given temporary (LAB-\S+), valid to 2003-06-01`)
	connect(t, s.addr, store)
	s.await(t, `PC-1 was given CAL (LAB-\S+), valid to 2003-`)
	desk, err := admin.Open("licmgr", t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer desk.Close()
	rows, failed := admin.AskAll(t.Context(), desk, admin.DefaultTimeout, []string{s.licenses}, admin.Rows)
	if len(rows[0]) != 2 || rows[0][1].Kind != "CAL" || rows[0][1].Machine != "PC-1" {
		t.Errorf("at the address that it says, a tool is told %v, %v", rows, failed)
	}

	code, out, errs := tslab(t, "clock", "+80d")
	if code != cli.CodeDone || !strings.HasPrefix(out, "2003-05-22 09:0") {
		t.Errorf("clock +80d: status %d, %q, %q", code, out, errs)
	}
	s.await(t, `the calendar moved to 2003-05-22`)
	if code, out, _ := tslab(t, "clock", "--set", "2003-07-01T12:00:00Z"); code != cli.CodeDone || !strings.HasPrefix(out, "2003-07-01 12:00:0") {
		t.Errorf("clock --set: status %d, %q", code, out)
	}
	if code, out, _ := tslab(t, "clock", "--state", s.state, "--json"); code != cli.CodeDone || !strings.Contains(out, `"now":"2003-07-01T12:0`) || !strings.Contains(out, `"offset_ns":-`) {
		t.Errorf("clock --json: status %d, %q", code, out)
	}
	if code := s.stop(); code != cli.CodeDone && code != cli.CodeInterrupted {
		t.Errorf("serve ended with status %d", code)
	}
	if _, err := os.Stat(s.state); err == nil {
		t.Errorf("the temporary folder %s is still there", s.state)
	}
	if code, _, errs := tslab(t, "clock"); code != cli.CodeRefused || !strings.Contains(errs, "tslab serve") {
		t.Errorf("clock without a server: status %d, %q", code, errs)
	}
}

// TestServeAgain stops a server and starts it in the same folder: licenses, keys and
// the calendar are there.
func TestServeAgain(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	state := filepath.Join(t.TempDir(), "state")
	s := serve(t, "--state", state)
	store := newStore(t)
	connect(t, s.addr, store)
	connect(t, s.addr, store)
	s.stop()
	if code, out, errs := tslab(t, "clock", "--state", state, "+10d"); code != cli.CodeDone || !strings.HasPrefix(out, "2003-03-13") {
		t.Errorf("clock of a stopped server: status %d, %q, %q", code, out, errs)
	}
	s = serve(t, "--state", state)
	connect(t, s.addr, store)
	s.await(t, `2003-03-13 .* PC-1 showed CAL`)
}

// TestNewestServer moves the calendar of the server that was started last, and of
// one that still lives.
func TestNewestServer(t *testing.T) {
	base := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", base)
	dir := filepath.Join(base, "tslab")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	dead := filepath.Join(dir, "1.json")
	text := fmt.Sprintf(`{"program":"tslab","state":%q,"pid":1,"started":"2999-01-01T00:00:00Z"}`, t.TempDir())
	if err := os.WriteFile(dead, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "2.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := serve(t)
	got, err := program.Newest(t.Context(), "tslab")
	if err != nil || got.State != s.state || got.Address != s.addr {
		t.Errorf("newest: %+v, %v; want %s", got, err, s.state)
	}
	if _, err := os.Stat(dead); err == nil {
		t.Error("the entry of a dead server is still there")
	}
}

func TestServeRefuses(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	free := "127.0.0.1:0"
	for name, tt := range map[string]struct {
		args []string
		code int
		want string
	}{
		"port in use":     {[]string{"--listen", taken.Addr().String()}, cli.CodeRefused, "in use by another program"},
		"no such address": {[]string{"--listen", "192.0.2.1:0"}, cli.CodeRefused, "cannot listen on 192.0.2.1:0"},
		"state is a file": {[]string{"--listen", free, "--state", file}, cli.CodeRefused, "state folder"},
		"edition":         {[]string{"--listen", free, "--edition", "nt4"}, cli.CodeUsage, "nt4"},
		"knob":            {[]string{"--listen", free, "--set", "gold=1"}, cli.CodeUsage, "gold"},
		"security":        {[]string{"--listen", free, "--security", "none"}, cli.CodeUsage, "--security"},
		"user":            {[]string{"--listen", free, "--user", "lab"}, cli.CodeUsage, "NAME:PASSWORD"},
		"start":           {[]string{"--listen", free, "--start", "soon"}, cli.CodeUsage, "--start"},
		"argument":        {[]string{"now"}, cli.CodeUsage, ""},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, errs := tslab(t, append([]string{"serve"}, tt.args...)...)
			if code != tt.code || !strings.Contains(errs, tt.want) {
				t.Errorf("status %d, %q; want %d and %q", code, errs, tt.code, tt.want)
			}
		})
	}
}

// TestSecondServer: two servers in one state folder are one too many.
func TestSecondServer(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	state := filepath.Join(t.TempDir(), "state")
	serve(t, "--state", state)
	code, _, errs := tslab(t, "serve", "--listen", "127.0.0.1:0", "--state", state)
	if code != cli.CodeRefused || errs == "" {
		t.Errorf("status %d, %q", code, errs)
	}
}

// options are those that a command line says.
func options(t *testing.T, args ...string) *serving {
	t.Helper()
	var s *serving
	cmd := serveCommand()
	cmd.Action = func(_ context.Context, c *ucli.Command) (err error) {
		s, err = serveOptions(c)
		return err
	}
	if code := cli.Run(t.Context(), cmd, append([]string{"serve"}, args...), io.Discard, t.Output()); code != cli.CodeDone {
		t.Fatalf("status %d", code)
	}
	return s
}

// TestChosenUser: the user of every lab is shown to whoever connects, one that was
// chosen is not; how to connect is said with the words that a shell takes.
func TestChosenUser(t *testing.T) {
	if hint := options(t).box.TermServ.LogonHint; !strings.Contains(hint, "lab, password lab") {
		t.Errorf("hint %q", hint)
	}
	for user, want := range map[string]string{
		"lab:lab":        " connect 127.0.0.1:3390\n",
		"ann:it's a key": ` connect --user ann --password 'it'\''s a key' 127.0.0.1:3390` + "\n",
	} {
		s := options(t, "--user", user)
		if hint := s.box.TermServ.LogonHint; user != "lab:lab" && hint != "" {
			t.Errorf("%s: hint %q", user, hint)
		}
		var err error
		if s.lab, err = openClock(t.TempDir(), s.start); err != nil {
			t.Fatal(err)
		}
		defer s.lab.Close()
		var out strings.Builder
		s.out = &out
		s.welcome(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 3390}, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 3343})
		tool := filepath.Join(filepath.Dir(os.Args[0]), "tsclient")
		if !strings.Contains(out.String(), tool+want) {
			t.Errorf("%s: said %q, want %q in it", user, out.String(), tool+want)
		}
	}
}

// TestForeignState: the state folder of another program is left to it.
func TestForeignState(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	state := t.TempDir()
	program.Own(state, "termsrv", "ts1")
	code, _, errs := tslab(t, "serve", "--listen", "127.0.0.1:0", "--state", state)
	if code != cli.CodeRefused || !strings.Contains(errs, `belongs to terminal server "ts1"`) {
		t.Errorf("status %d, %q", code, errs)
	}
	own := filepath.Join(t.TempDir(), "state")
	serve(t, "--state", own).await(t, `tslab is ready on`)
	if err := program.Owned(own, "lserver", "tslab"); err == nil || !strings.Contains(err.Error(), "belongs to `tslab serve`") {
		t.Errorf("its own folder: %v", err)
	}
}
