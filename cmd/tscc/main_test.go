package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/discovery"
	"github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/clock"
	"github.com/tslab/tslab/internal/control"
	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/internal/program"
	"github.com/tslab/tslab/ts"
	"github.com/tslab/tslab/ts/policy"
)

// startServer runs a terminal server without a license server, and returns its state
// folder.
func startServer(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	day0 := time.Date(2003, 3, 3, 9, 0, 0, 0, time.UTC)
	server, err := ts.New(ts.Config{Host: "ts1", Dir: dir, Listener: listener, KeyBits: 512, Clock: clock.Fixed(day0)})
	if err != nil {
		t.Fatal(err)
	}
	socket, err := control.Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 2)
	go func() { done <- server.Run(ctx) }()
	go func() {
		control.ServeListener(ctx, socket, server.Controls())
		done <- nil
	}()
	<-server.Ready()
	t.Cleanup(func() {
		cancel()
		for range cap(done) {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	})
	return dir
}

func tscc(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = cli.Run(t.Context(), command(), append([]string{"tscc"}, args...), &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

// TestCommands goes through what an administrator does, and what he is refused.
//
// proves R25, R27, R87, R90
func TestCommands(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	if code, _, errs := tscc(t, "show"); code != cli.CodeRefused || !strings.Contains(errs, "no server of yours runs") {
		t.Errorf("show without a server: status %d, %q", code, errs)
	}
	state := startServer(t)
	remove, err := program.Register("termsrv", state, "127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	defer remove()
	for _, tt := range []struct {
		args string
		code int
		want string // in what it prints
	}{
		{"show", cli.CodeDone, "not started: the first client starts it"},
		{"show --json", cli.CodeDone, `"mode":"device"`},
		{"show --state " + t.TempDir(), cli.CodeRefused, "start the terminal server first"},
		{"catalog", cli.CodeDone, "ADDRESS"},
		{"catalog", cli.CodeDone, "Next: a discovery pass at "},
		{"discover", cli.CodeDone, "Sought by: nowhere"},
		{"discover --json", cli.CodeDone, "[]"},
		{"discover x", cli.CodeUsage, "unexpected argument"},
		{"set", cli.CodeUsage, "an argument is missing"},
		{"set mode", cli.CodeUsage, "want NAME=VALUE"},
		{"set mode=user", cli.CodeRefused, "per-user licensing came with Windows Server 2003"},
		{"set mode=device", cli.CodeNothing, "set so already"},
		{"set mode=admin", cli.CodeDone, "set mode=admin"},
		{"catalog", cli.CodeDone, "Next: none: a server for remote administration"},
		{"ic enable", cli.CodeRefused, "remote administration"},
		{"set --json mode=device", cli.CodeDone, `{"result":"ok","text":"set mode=device"}`},
		{"set DefaultLicenseServer=LS1,LS2", cli.CodeRefused, "exactly one"},
		{"set DefaultLicenseServer=127.0.0.1:1", cli.CodeDone, "set DefaultLicenseServer=127.0.0.1:1"},
		{"show", cli.CodeDone, "127.0.0.1:1"},
		{"registry", cli.CodeDone, "[HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\TermService\\Parameters]\n    DefaultLicenseServer    REG_SZ    127.0.0.1:1\n"},
		{`set HKLM\SYSTEM\CurrentControlSet\Services\TermService\Parameters\DefaultLicenseServer=127.0.0.2`, cli.CodeDone, "set DefaultLicenseServer=127.0.0.2"},
		{"registry --json", cli.CodeDone, `"name":"DefaultLicenseServer","type":"REG_SZ","data":"127.0.0.2"`},
		{`set hkey_local_machine\system\currentcontrolset\services\termservice\parameters\defaultlicenseserver=LS1,LS2`, cli.CodeRefused, "exactly one"},
		{`set HKLM\SYSTEM\CurrentControlSet\Services\TermService\Parameters\DefaultLicenseServer=127.0.0.1:1`, cli.CodeDone, "set DefaultLicenseServer=127.0.0.1:1"},
		{`set HKLM\SOFTWARE\Nothing\Like=it`, cli.CodeUsage, "no value of the registry"},
		{"registry x", cli.CodeUsage, "unexpected argument"},
		{"catalog", cli.CodeDone, "Sought by: the named server alone"},
		{"ic enable", cli.CodeRefused, "grace period does not cover the Internet Connector"},
		{"ic --json disable", cli.CodeNothing, `"result":"no-op"`},
		{"ic disable --json", cli.CodeNothing, `"rule":"I11"`},
		{"ic disable --force", cli.CodeNothing, "is off"},
		{"ic repair", cli.CodeRefused, "is off"},
		{"ic password x", cli.CodeRefused, "is off"},
		{"ic password", cli.CodeUsage, "an argument is missing"},
		{"ic enable x", cli.CodeUsage, "unexpected argument"},
		{"assign", cli.CodeUsage, "there is no command"},
	} {
		code, out, errs := tscc(t, strings.Fields(tt.args)...)
		if code != tt.code || !strings.Contains(out+errs, tt.want) {
			t.Errorf("tscc %s: status %d, %q, %q; want %d and %q", tt.args, code, out, errs, tt.code, tt.want)
		}
	}
	var s ts.Status
	if _, out, _ := tscc(t, "show", "--json", "--state", state); json.Unmarshal([]byte(out), &s) != nil || s.Set["DefaultLicenseServer"] != "127.0.0.1:1" {
		t.Errorf("show --json: %s", out)
	}
}

// TestRegistry: the values that the documents name, by their keys, and back.
func TestRegistry(t *testing.T) {
	p := `HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\TermService\Parameters`
	core := `HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\Terminal Server\Licensing Core`
	status := func(e edition.Profile, mode string, grace policy.GraceState, named ...string) ts.Status {
		return ts.Status{Edition: e.Edition.String(), Mode: mode, Grace: policy.Grace{State: grace},
			Discovery: ts.DiscoveryStatus{Named: named}, Knobs: map[string]string{"override": string(e.Override)}}
	}
	for _, tt := range []struct {
		name   string
		status ts.Status
		want   []registryValue
	}{
		{"nothing set", status(edition.W2KSP3(), "device", policy.GraceEnded), []registryValue{{Key: p}}},
		{"one name", status(edition.W2KSP3(), "device", policy.GraceRunning, "LS1:3343"), []registryValue{{Key: p}, {p, "DefaultLicenseServer", "REG_SZ", "LS1"}}},
		{"2003", status(edition.WS2003(), "user", policy.GraceEnded, "LS1:3343", "LS2:99"), []registryValue{
			{Key: p}, {p, "LicensingGracePeriodEnded", "REG_DWORD", "0x1"}, {Key: p + `\LicenseServers\LS1`}, {Key: p + `\LicenseServers\LS2:99`}, {core, "PolicyAcOn", "REG_DWORD", "0x4"}}},
		{"2003, in its grace period", status(edition.WS2003(), "invalid", policy.GraceRunning), []registryValue{{Key: p}, {core, "PolicyAcOn", "REG_DWORD", "0x0"}}},
	} {
		if diff := cmp.Diff(tt.want, registry(tt.status)); diff != "" {
			t.Errorf("%s: -want +got\n%s", tt.name, diff)
		}
	}
	for setting, want := range map[string]string{
		"mode=device": "mode=device", "retry_min=20": "retry_min=20", "": "",
		p + `\DefaultLicenseServer=LS1`: "DefaultLicenseServer=LS1", `hklm\` + p[19:] + `\defaultlicenseserver=`: "DefaultLicenseServer=",
		core + `\PolicyAcOn=2`: "mode=device", core + `\PolicyAcOn=0x4`: "mode=user", core + `\PolicyAcOn=0`: "mode=invalid",
		core + `\PolicyAcOn=7`: "!", p + `\LicenseServers\LS1=`: "!", p + `\X=1`: "!", `HKCU\x=1`: "!", `\=`: "!", `HKLM\`: "!",
		`HKLM\` + strings.Repeat("\u0250", 9) + "=1": "!", // longer in upper case
	} {
		got, err := fromRegistry(setting)
		if err != nil {
			got = "!"
		}
		if got != want {
			t.Errorf("%q: %q, %v; want %q", setting, got, err, want)
		}
	}
}

// TestSought: where a terminal server looks, in words.
func TestSought(t *testing.T) {
	d := ts.DiscoveryStatus{
		Steps:  []discovery.Step{discovery.StepKeys, discovery.StepSite, discovery.StepDCs},
		Domain: "corp.example", Workgroup: "LAB",
	}
	for want, change := range map[string]func(){
		"the named servers, then entry of the site (none), then domain controllers of corp.example":  func() {},
		"the named servers, then entry of the site (North), then domain controllers of corp.example": func() { d.Site = "North" },
		"broadcast to LAB": func() { d.Steps = []discovery.Step{discovery.StepBroadcast} },
		"nowhere":          func() { d.Steps = nil },
	} {
		saved := d
		change()
		if got := sought(d); got != want {
			t.Errorf("%q, want %q", got, want)
		}
		d = saved
	}
	due := time.Date(2003, 3, 3, 11, 0, 0, 0, time.UTC)
	s := ts.Status{LicenseServer: "10.0.0.7:3343", Found: true, Discovery: ts.DiscoveryStatus{Next: due}}
	if got := next(s); got != "a ping of 10.0.0.7:3343 at 2003-03-03 11:00 UTC" {
		t.Errorf("next: %q", got)
	}
}

// TestNoteOnGrace: the grace period is not free use.
func TestNoteOnGrace(t *testing.T) {
	var s ts.Status
	if err := json.Unmarshal([]byte(`{"grace":{"state":"running","end":"2003-06-01T09:00:00Z"}}`), &s); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := show(&out, s); err != nil || !strings.Contains(out.String(), "not free use") || !strings.Contains(out.String(), "until 2003-06-01 09:00 UTC") {
		t.Errorf("%v:\n%s", err, out.String())
	}
}
