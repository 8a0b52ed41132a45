//go:build unix

package main

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	ucli "github.com/urfave/cli/v3"

	"github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/control"
	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/internal/identity"
	"github.com/tslab/tslab/ls"
	"github.com/tslab/tslab/ls/store"
)

// Whatever keeps the server from starting is one sentence and an exit status.
func TestStartErrors(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	running := t.TempDir()
	p := start(t, running)
	defer p.stop()
	damaged := t.TempDir()
	if err := os.WriteFile(filepath.Join(damaged, store.FileName), []byte("garbage"), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(damaged, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"no state folder", nil, 2, `Required flag "state" not set`},
		{"an argument too many", []string{"--state", t.TempDir(), "now"}, 2, `unexpected argument "now"`},
		{"unknown edition", []string{"--state", t.TempDir(), "--edition", "nt4"}, 2, `edition "nt4" is not known`},
		{"unknown knob", []string{"--state", t.TempDir(), "--set", "x=1"}, 2, "x"},
		{"bad life", []string{"--state", t.TempDir(), "--cal-life", "long"}, 2, "--cal-life"},
		{"bad scope", []string{"--state", t.TempDir(), "--scope", "world"}, 2, "--scope is"},
		{"Windows 2000 Professional", []string{"--state", t.TempDir(), "--os", "pro"}, 1, "choose server, advanced-server or datacenter"},
		{"port in use", []string{"--state", t.TempDir(), "--listen", taken.Addr().String()}, 1, "is in use by another program"},
		{"no such address", []string{"--state", t.TempDir(), "--listen", "192.0.2.1:1"}, 1, "choose another --listen"},
		{"state folder in use", []string{"--state", running, "--listen", "127.0.0.1:0"}, 1, "in use by another license server"},
		{"damaged state", []string{"--state", damaged, "--listen", "127.0.0.1:0"}, 1, "restore a backup"},
		{"state is a file", []string{"--state", file, "--listen", "127.0.0.1:0"}, 1, "state folder"},
		{"no such clock", []string{"--state", t.TempDir(), "--clock", filepath.Join(damaged, "none")}, 1, "clock"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cmd := lserver(t, append([]string{"--host", "ls1"}, tt.args...)...)
			var stderr strings.Builder
			cmd.Stderr = &stderr
			err := cmd.Run()
			if code := cmd.ProcessState.ExitCode(); err == nil || code != tt.code {
				t.Errorf("exit status %d (%v), want %d", code, err, tt.code)
			}
			said := strings.TrimSuffix(strings.TrimSuffix(stderr.String(), "Try 'lserver --help'.\n"), "\n")
			if !strings.Contains(said, tt.want) || strings.Contains(said, "\n") || !strings.HasPrefix(said, "lserver: ") {
				t.Errorf("says %q, want one sentence with %q", said, tt.want)
			}
		})
	}
}

// TestOS: the license server runs on the three server products.
//
// proves R4
func TestOS(t *testing.T) {
	for name, good := range map[string]bool{"": true, "server": true, "advanced-server": true, "datacenter": true, "pro": false, "Server": false, "xp": false} {
		if err := checkOS(name); (err == nil) != good {
			t.Errorf("%q: %v", name, err)
		}
	}
	start(t, t.TempDir(), "--os", "datacenter").stop()
}

// A state folder of another license server is left as it was.
func TestForeignStateFolder(t *testing.T) {
	dir := t.TempDir()
	start(t, dir).stop()
	before := contents(t, dir)
	cmd := lserver(t, "--state", dir, "--host", "ls2", "--listen", "127.0.0.1:0", "--events", filepath.Join(t.TempDir(), "events"))
	said, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(said), `belongs to license server "ls1"`) {
		t.Errorf("%v: %s", err, said)
	}
	for name, b := range contents(t, dir) {
		if before[name] != b {
			t.Errorf("%s has changed", name)
		}
	}
}

func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, name := range []string{store.FileName, identity.FileName} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = string(b)
	}
	return files
}

func TestControlSocket(t *testing.T) {
	dir := t.TempDir()
	p := start(t, dir, "--edition", "ws2003", "--scope", "domain")
	license(t, p.addr, 25)
	var status ls.Status
	if err := control.Call(t.Context(), dir, "status", nil, &status); err != nil {
		t.Fatal(err)
	}
	if status.Name != "ls1" || !status.Activated || status.Edition != "ws2003" || status.Scope != "domain" || status.Company != "Test" ||
		len(status.Packs) != 1 || status.Packs[0].Total != 25 {
		t.Errorf("status %+v", status)
	}
	var stats ls.Stats
	if err := control.Call(t.Context(), dir, "stats", nil, &stats); err != nil {
		t.Fatal(err)
	}
	if stats.Requests < 4 || stats.Flushes == 0 || stats.StoreSize == 0 {
		t.Errorf("stats %+v", stats)
	}
	p.stop()
	if err := control.Call(t.Context(), dir, "status", nil, &status); err == nil {
		t.Error("a stopped server answers")
	}
}

// TestMayStand: a license server of domain scope stands on a domain controller in Windows
// 2000, and anywhere in Windows Server 2003, or where the knob says so.
//
// proves R44
func TestMayStand(t *testing.T) {
	w2k, net2003, anywhere := edition.W2KSP3(), edition.WS2003(), edition.W2K()
	strict := edition.WS2003()
	if err := errors.Join(anywhere.SetAll([]string{"ls_host=any"}), strict.SetAll([]string{"ls_host=dc"})); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		p       edition.Profile
		scope   string
		on      bool
		err     error
		refused bool
	}{
		{w2k, scopeDomain, true, nil, false},
		{w2k, scopeDomain, false, nil, true},
		{w2k, scopeDomain, false, errors.New("no DNS"), false},
		{w2k, scopeEnterprise, false, nil, false},
		{net2003, scopeDomain, false, nil, false},
		{anywhere, scopeDomain, false, nil, false},
		{strict, scopeDomain, false, nil, true},
	} {
		o := options{edition: tt.p, domain: cli.Domain{Name: "corp.example"}}
		err := o.mayStand(t.Context(), tt.scope, func(context.Context) (bool, error) { return tt.on, tt.err })
		if (err != nil) != tt.refused || err != nil && !strings.Contains(err.Error(), "no domain controller of corp.example") {
			t.Errorf("%s, ls_host=%s, scope %s, on a domain controller %v, %v: %v", tt.p.Edition, tt.p.LSHost, tt.scope, tt.on, tt.err, err)
		}
	}
}

// TestSet: every knob that a license server reads can be set where it is started, one by
// one, and no other.
func TestSet(t *testing.T) {
	for _, k := range edition.Knobs() {
		for _, e := range edition.All() {
			value := k.Default(e)
			if value == "-" {
				continue
			}
			cmd := command()
			cmd.Action = func(_ context.Context, c *ucli.Command) error {
				_, err := optionsFrom(c)
				return err
			}
			value = strings.ReplaceAll(value, ", ", ",")
			err := cmd.Run(t.Context(), []string{"lserver", "--state", "x", "--edition", e.String(), "--set", k.Name + "=" + value})
			if takes := k.Readers&(edition.LicenseServer|edition.Calendar) != 0; takes != (err == nil) || !takes && !strings.Contains(err.Error(), "cannot be set here") {
				t.Errorf("%s=%s in %s: %v", k.Name, value, e, err)
			}
		}
	}
}
