package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tslab/tslab/internal/clock"
	"github.com/tslab/tslab/internal/crash"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/internal/harness"
)

// actors are who takes part in an exchange: a name, and the program that it is.
func actors() map[string]string {
	return map[string]string{
		"pc": "tsclient", "ts": "termsrv", "ls1": "lserver", "ls2": "lserver",
		"house": "clearinghouse", "admin": "licmgr", "tscc": "tscc", "shop": "tslab", "dc": "labdc", "dctool": "labdc",
	}
}

// crashFarm is a folder with the state of all actors, who are processes on addresses of
// the loopback interface. Its addresses stay the same in every copy of the folder.
type crashFarm struct {
	t       *testing.T
	dir     string
	net     string              // 127.X.Y.
	args    map[string][]string // of an actor's server, beyond what all have
	running map[string]*harness.Process
	edition string

	victim string // the actor that dies
	point  crash.Point
	fell   *harness.Process // the victim's process, once it was started
}

func newCrashFarm(t *testing.T, number int) *crashFarm {
	t.Helper()
	f := &crashFarm{t: t, dir: t.TempDir(), net: fmt.Sprintf("127.%d.%d.", 64+os.Getpid()%128, number+1), args: map[string][]string{}, running: map[string]*harness.Process{}}
	if err := clock.CreateLab(f.path("clock"), harness.Day0()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.stop)
	return f
}

// copy is the farm as it is on the disk, in a folder of its own. Nothing of f runs.
func (f *crashFarm) copy(t *testing.T) *crashFarm {
	t.Helper()
	g := &crashFarm{t: t, dir: t.TempDir(), net: f.net, args: f.args, edition: f.edition, running: map[string]*harness.Process{}}
	if err := copyTree(g.dir, f.dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.stop)
	return g
}

// copyTree copies a folder, with what its files may be used for.
func copyTree(to, from string) error {
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		return err
	}
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		return errors.Join(err, os.Chmod(filepath.Join(to, rel), info.Mode().Perm()))
	})
}

func (f *crashFarm) path(name string) string { return filepath.Join(f.dir, name) }

// addr is where an actor listens.
func (f *crashFarm) addr(actor string) string {
	at := map[string]string{"ls1": "1:3343", "ls2": "2:3343", "ts": "3:3389", "house": "4:8443", "dc": "5:3346"}[actor]
	return f.net + at
}

// host is an address without its port.
func (f *crashFarm) host(actor string) string {
	host, _, _ := strings.Cut(f.addr(actor), ":")
	return host
}

// env is an actor's environment: with the point where it is the victim.
func (f *crashFarm) env(actor string) []string {
	env := []string{"HOME=" + f.dir, "XDG_STATE_HOME="}
	if actor == f.victim {
		env = append(env, crash.Variable+"="+string(f.point))
	}
	return env
}

// serve starts actors' servers and waits until they are ready, or dead where they are
// to die.
func (f *crashFarm) serve(names ...string) {
	f.t.Helper()
	for _, actor := range names {
		f.serveOne(actor)
	}
}

func (f *crashFarm) serveOne(actor string) {
	f.t.Helper()
	program := actors()[actor]
	argv := []string{"--state", f.path(actor), "--host", actor, "--listen", f.addr(actor), "--clock", f.path("clock"), "--events", f.log(actor)}
	if program == "clearinghouse" {
		argv = append([]string{"serve"}, argv...)
	}
	before := len(f.events(actor))
	p, err := harness.Start(f.dir, f.env(actor), "", filepath.Join(programs, program), append(argv, f.args[actor]...)...)
	if err != nil {
		f.t.Fatal(err)
	}
	f.running[actor] = p
	f.note(actor, p)
	f.until("ready: "+actor, func() (bool, error) {
		select {
		case <-p.Ended():
			if f.victim != "" { // it is, or cannot do without who is
				return true, nil
			}
			return false, fmt.Errorf("it has ended: %s", p.Output())
		default:
		}
		return slices.ContainsFunc(f.events(actor)[before:], func(e eventlog.Event) bool { return e.Name == eventlog.ProgramReady.Name }), nil
	})
}

func (f *crashFarm) note(actor string, p *harness.Process) {
	if actor == f.victim {
		f.fell = p
	}
}

func (f *crashFarm) log(actor string) string { return f.path(actor + ".jsonl") }

// events are those that an actor has logged, also in earlier lives.
func (f *crashFarm) events(actor string) []eventlog.Event {
	events, err := eventlog.ReadFile(f.log(actor))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		f.t.Error(err)
	}
	return events
}

func (f *crashFarm) until(what string, done func() (bool, error)) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), bound)
	defer cancel()
	if err := harness.Until(ctx, what, done); err != nil {
		f.t.Fatalf("%s/%s: %v", f.victim, f.point, err)
	}
}

// stop stops what runs, the last actors first: who asks before who is asked.
func (f *crashFarm) stop() {
	for _, actor := range []string{"ts", "ls1", "ls2", "house", "dc"} {
		if p := f.running[actor]; p != nil {
			p.Stop()
		}
	}
	clear(f.running)
}

// tool runs an actor's program to its end and returns its exit status, -1 if it was
// killed, and what it printed.
func (f *crashFarm) tool(actor string, args ...string) (int, string) {
	f.t.Helper()
	p, err := harness.Start(f.dir, f.env(actor), "", filepath.Join(programs, actors()[actor]), args...)
	if err != nil {
		f.t.Fatal(err)
	}
	f.note(actor, p)
	code, err := p.Wait(bounded(f.t))
	if err != nil {
		p.Kill()
		f.t.Fatal(err)
	}
	return code, p.Output()
}

// must is tool for what cannot go wrong.
func (f *crashFarm) must(actor string, args ...string) string {
	f.t.Helper()
	code, out := f.tool(actor, args...)
	if code != 0 {
		f.t.Fatalf("%s %v: exit status %d: %s", actor, args, code, out)
	}
	return out
}

// connect lets the device try once, and waits until the terminal server, if it lives,
// is done with it.
func (f *crashFarm) connect(args ...string) int {
	f.t.Helper()
	code, _ := f.tool("pc", append([]string{"connect", "--state", f.path("pc"), "--name", "PC-1", "--clock", f.path("clock"), "--security", "rdp", f.addr("ts")}, args...)...)
	f.until("the terminal server is done with the device", func() (bool, error) {
		open := 0
		for _, e := range f.events("ts") {
			switch e.Name {
			case eventlog.ProgramReady.Name:
				open = 0 // what was open died with the server
			case eventlog.ConnectionAccepted.Name:
				open++
			case eventlog.ConnectionRefused.Name, eventlog.LicenseDenied.Name, eventlog.SessionEnded.Name:
				open--
			}
		}
		return open <= 0 || f.dead("ts"), nil
	})
	return code
}

func (f *crashFarm) dead(actor string) bool {
	p := f.running[actor]
	if p == nil {
		return true
	}
	select {
	case <-p.Ended():
		return true
	default:
		return false
	}
}

// falls waits for the victim's death and says whether it was the death that was meant.
func (f *crashFarm) falls() error {
	if f.fell == nil {
		return errors.New("the program was never started")
	}
	ctx, cancel := context.WithTimeout(f.t.Context(), bound)
	defer cancel()
	code, err := f.fell.Wait(ctx)
	if err != nil {
		return err
	}
	if code != -1 && code != 137 { // a signal, or the status that stands for one
		return fmt.Errorf("it ended by itself with status %d: %s", code, f.fell.Output())
	}
	return nil
}

// advance moves the calendar while nobody is looking.
func (f *crashFarm) advance(days int) {
	f.t.Helper()
	lab, err := clock.OpenLab(f.path("clock"))
	if err != nil {
		f.t.Fatal(err)
	}
	defer lab.Close()
	if err := lab.Advance(bounded(f.t), time.Duration(days)*24*time.Hour); err != nil {
		f.t.Fatal(err)
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// serverID is an actor's License Server ID.
func (f *crashFarm) serverID(actor string) string {
	f.t.Helper()
	var shown harness.Shown
	if err := json.Unmarshal([]byte(f.must("admin", "show", "--server", f.addr(actor), "--json")), &shown); err != nil {
		f.t.Fatal(err)
	}
	return shown.Server.ServerID
}
