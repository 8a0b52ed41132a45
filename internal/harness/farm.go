//go:build linux

package harness

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"github.com/tslab/tslab/internal/clock"
	"github.com/tslab/tslab/internal/eventlog"
)

// Farm is a clearinghouse, a license server with a key pack and a terminal server:
// real processes on the loopback interface, with a calendar of their own.
type Farm struct {
	Bin, Dir string
	Lab      *clock.Lab

	LServer, TermServ       *Process
	LServerLog, TermServLog *Journal
	LServerAddr, Addr       string // Addr is the terminal server's

	LServerArgs, TermServArgs []string // beyond those that every farm needs
}

// Day0 is when a farm's calendar begins.
func Day0() time.Time { return time.Date(2003, 3, 3, 9, 0, 0, 0, time.UTC) }

// NewFarm makes the calendar; nothing runs yet.
func NewFarm(bin, dir string) (*Farm, error) {
	f := &Farm{Bin: bin, Dir: dir, LServerAddr: "127.0.0.1:0", Addr: "127.0.0.1:0"}
	f.LServerLog = &Journal{Path: filepath.Join(dir, "lserver.jsonl")}
	f.TermServLog = &Journal{Path: filepath.Join(dir, "termsrv.jsonl")}
	if err := clock.CreateLab(f.Clock(), Day0()); err != nil {
		return nil, err
	}
	var err error
	f.Lab, err = clock.OpenLab(f.Clock())
	return f, err
}

// Clock is the file of the calendar.
func (f *Farm) Clock() string { return f.Path("clock") }

// Path is a path in the farm's folder.
func (f *Farm) Path(name string) string { return filepath.Join(f.Dir, name) }

// Close stops what runs.
func (f *Farm) Close() {
	for _, p := range []*Process{f.TermServ, f.LServer} {
		if p != nil {
			p.Stop()
		}
	}
	f.Lab.Close()
}

// Tool runs one of the programs to its end and returns what it printed.
func (f *Farm) Tool(ctx context.Context, program string, args ...string) (string, error) {
	p, err := Start(f.Dir, []string{"HOME=" + f.Dir, "XDG_STATE_HOME="}, "", filepath.Join(f.Bin, program), args...)
	if err != nil {
		return "", err
	}
	defer p.Kill()
	code, err := p.Wait(ctx)
	if err == nil && code != 0 {
		err = fmt.Errorf("%s %v: exit status %d: %s", program, args, code, p.Output())
	}
	return p.Output(), err
}

// daemon starts a daemon and waits until it is ready; addr is where it listens, and
// is filled in when it chose the port.
func (f *Farm) daemon(ctx context.Context, name string, log *Journal, addr *string, args ...string) (*Process, error) {
	all := append([]string{"--state", f.Path(name), "--host", name, "--listen", *addr, "--clock", f.Clock(), "--events", log.Path}, args...)
	p, err := Start(f.Dir, nil, "", filepath.Join(f.Bin, name), all...)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-p.Ended():
			cancel(fmt.Errorf("%s has ended: %s", name, p.Output()))
		case <-ctx.Done():
		}
	}()
	ready, err := log.Await(ctx, eventlog.ProgramReady.Name)
	if err != nil {
		p.Kill()
		return nil, fmt.Errorf("%w: %w\n%s", err, context.Cause(ctx), p.Output())
	}
	*addr = ready.Fields["address"]
	return p, nil
}

// StartLServer starts the license server, the first time or again.
func (f *Farm) StartLServer(ctx context.Context) (err error) {
	f.LServer, err = f.daemon(ctx, "lserver", f.LServerLog, &f.LServerAddr, f.LServerArgs...)
	return err
}

// StartTermServ starts the terminal server, the first time or again.
func (f *Farm) StartTermServ(ctx context.Context) (err error) {
	args := append([]string{"--license-server", f.LServerAddr}, f.TermServArgs...)
	f.TermServ, err = f.daemon(ctx, "termsrv", f.TermServLog, &f.Addr, args...)
	return err
}

// Enroll makes a clearinghouse that activates the license server and issues it a key
// pack with the number of CALs.
func (f *Farm) Enroll(ctx context.Context, cals int) error {
	run := func(program string, args ...string) error {
		_, err := f.Tool(ctx, program, args...)
		return err
	}
	ch, server := []string{"--state", f.Path("clearinghouse"), "--clock", f.Clock()}, []string{"--server", f.LServerAddr}
	with := func(verb string, shared []string, more ...string) []string {
		return append(append([]string{verb}, shared...), more...)
	}
	if err := run("clearinghouse", with("init", ch)...); err != nil {
		return err
	}
	if err := run("licmgr", with("request", server, "--output", f.Path("request"))...); err != nil {
		return err
	}
	if err := run("clearinghouse", with("activate", ch, "--output", f.Path("activation"), f.Path("request"))...); err != nil {
		return err
	}
	if err := run("licmgr", with("activate", server, "--file", f.Path("activation"))...); err != nil {
		return err
	}
	show, err := f.Show(ctx)
	if err != nil {
		return err
	}
	err = run("clearinghouse", with("issue", ch, "--output", f.Path("pack"), "--server", show.Server.ServerID, "--count", strconv.Itoa(cals))...)
	if err != nil {
		return err
	}
	return run("licmgr", with("install", server, "--file", f.Path("pack"))...)
}

// Shown is what licmgr show --json says.
type Shown struct {
	Server struct {
		ServerID string `json:"server_id"`
	} `json:"server"`
	KeyPacks []struct {
		Kind      string `json:"kind"`
		Total     int    `json:"total"`
		Issued    int    `json:"issued"`
		Available int    `json:"available"`
	} `json:"key_packs"`
	Tokens []struct {
		Kind       string `json:"kind"`
		HardwareID string `json:"hardware_id"`
		LicenseID  string `json:"license_id"`
	} `json:"tokens"`
}

// Show asks the license server.
func (f *Farm) Show(ctx context.Context) (Shown, error) {
	var s Shown
	out, err := f.Tool(ctx, "licmgr", "show", "--server", f.LServerAddr, "--tokens", "--json")
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		return s, fmt.Errorf("licmgr show: %w: %s", err, out)
	}
	return s, nil
}
