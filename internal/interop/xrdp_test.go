package interop

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/internal/harness"
)

// TestXrdp connects tsclient to a real xrdp 0.9: it asks whether the client has a
// license, in a canned request with a proprietary certificate, and then says of every
// client that it is valid. It issues nothing. Whoever is licensed there stands before
// xrdp's own logon, which tsclient does not pass.
func TestXrdp(t *testing.T) {
	for place, tt := range []struct{ layer, level, security string }{
		{"rdp", "none", "NONE"}, {"rdp", "low", "40"}, {"rdp", "high", "128"}, {"tls", "high", "TLS"},
	} {
		t.Run(tt.security, func(t *testing.T) {
			t.Parallel()
			addr := startXrdp(t, place, tt.layer, tt.level)
			dir := t.TempDir()
			for range 2 { // it has nothing to show the second time either
				got := connectXrdp(t, dir, addr)
				want := report{
					Outcome: "logon failed", Security: tt.security,
					Messages: []string{"LICENSE_REQUEST", "NEW_LICENSE_REQUEST", "ERROR_ALERT"},
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("-want +got\n%s", diff)
				}
			}
		})
	}
}

// report is what tsclient connect --json says.
type report struct {
	Outcome  string   `json:"outcome"`
	Security string   `json:"security"`
	Messages []string `json:"messages"`
	Received any      `json:"received"`
}

func connectXrdp(t *testing.T, dir, addr string) report {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), stepBound)
	defer cancel()
	p, err := harness.Start(dir, nil, "", filepath.Join(programs, "tsclient"), "connect", "--json", "--state", dir, "--name", device, "--password", "", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Kill()
	if code, err := p.Wait(ctx); code != 4 || err != nil {
		t.Errorf("exit status %d, %v, want 4: the logon failed", code, err)
	}
	first, _, _ := strings.Cut(p.Output(), "\n")
	var r report
	if err := json.Unmarshal([]byte(first), &r); err != nil {
		t.Fatalf("%v: %s", err, p.Output())
	}
	return r
}

// startXrdp starts one from a copy of the installed configuration, which it finds in
// the place of the installed one: its keys are nobody's to read.
func startXrdp(t *testing.T, place int, layer, level string) (addr string) {
	t.Helper()
	addr = fmt.Sprintf("127.0.0.1:%d", 3500+place)
	dir := t.TempDir()
	config, err := os.ReadFile("/etc/xrdp/xrdp.ini")
	if err != nil {
		t.Fatal(err)
	}
	for line, now := range map[string]string{
		"port": "tcp://" + addr, "fork": "false", "security_layer": layer, "crypt_level": level,
		"certificate": "", "key_file": "", "LogFile": dir + "/xrdp.log", "EnableSyslog": "false",
	} {
		// The first of its name: those of the sessions come later.
		if at := regexp.MustCompile(`(?m)^#?` + line + `=.*$`).FindIndex(config); at != nil {
			config = append(append(config[:at[0]:at[0]], line+"="+now...), config[at[1]:]...)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "xrdp.ini"), config, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"xrdp-keygen", "xrdp", filepath.Join(dir, "rsakeys.ini")},
		{"openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=xrdp", "-days", "30",
			"-keyout", filepath.Join(dir, "key.pem"), "-out", filepath.Join(dir, "cert.pem")},
		{"cp", "-r", "/etc/xrdp/xrdp_keyboard.ini", "/etc/xrdp/km-00000409.ini", dir},
	} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	// The state of the system, too, is xrdp's own for the time.
	const script = `mount --bind "$1" /etc/xrdp && mount -t tmpfs tmpfs /run && mkdir -p /run/xrdp/sockdir && exec xrdp -n -c /etc/xrdp/xrdp.ini`
	p, err := harness.Start(dir, nil, "", "unshare", "-m", "sh", "-c", script, "sh", dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Stop()
		if t.Failed() {
			t.Logf("xrdp printed:\n%s", p.Output())
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), stepBound)
	defer cancel()
	err = harness.Until(ctx, "xrdp", func() (bool, error) {
		select {
		case <-p.Ended():
			return false, fmt.Errorf("it has ended:\n%s", p.Output())
		default:
		}
		c, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
		if err == nil {
			c.Close()
		}
		return err == nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return addr
}
