package interop

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/internal/harness"
)

// form is a way in which a terminal server speaks RDP, by its flags.
type form struct {
	security string
	flags    string
	cannot   map[string]string // what a client that cannot gets, by client
}

// forms are the ways beside the plain ones: every form of certificate, every size of
// key, what is sealed and how, how it is drawn.
func forms() []form {
	tooLong := map[string]string{"rdesktop": "none: refused: rdp client info, received: wrong message authentication code, exit status 76"}
	if !*full {
		return []form{
			{"128", "--certificate x509-chain --key-bits 1024 --licensing-encryption --output slow", nil},
			{"40", "--key-bits 512 --behavior salted-mac --certificate omitted", nil},
		}
	}
	var all []form
	for _, security := range []string{"128", "TLS"} {
		for _, c := range []string{"proprietary", "x509", "x509-chain", "x509-temporary", "x509-single", "omitted"} {
			all = append(all, form{security, "--certificate " + c, nil})
		}
	}
	for _, bits := range []string{"512", "1024", "2048"} {
		all = append(all, form{"128", "--key-bits " + bits, nil}, form{"128", "--certificate x509 --key-bits " + bits, nil})
	}
	all = append(all, form{"128", "--key-bits 4096", tooLong}, form{"TLS", "--key-bits 4096", nil})
	for _, security := range []string{"40", "128"} {
		for _, flags := range []string{"--licensing-encryption", "--behavior salted-mac", "--behavior low-level", "--output slow", "--licensing-encryption --behavior salted-mac --output slow"} {
			all = append(all, form{security, flags, nil})
		}
	}
	for _, flags := range []string{"--licensing-encryption", "--output slow"} {
		all = append(all, form{"NONE", flags, nil}, form{"TLS", flags, nil})
	}
	return all
}

// startForm starts tslab serve with the flags on a port of its own.
func startForm(t *testing.T, security, flags string) (s *server, addr string) {
	t.Helper()
	s = &server{dir: t.TempDir()}
	s.journal.Path = s.file("events.jsonl")
	args := append([]string{"serve", "--state", s.dir, "--listen", "127.0.0.1:0", "--transcript", s.file("transcript.jsonl")}, securityArgs(security)...)
	var err error
	if s.Process, err = harness.Start(s.dir, nil, "", filepath.Join(programs, "tslab"), append(args, strings.Fields(flags)...)...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Stop()
		if t.Failed() {
			t.Logf("tslab serve %s printed:\n%s", flags, s.Output())
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 2*stepBound) // a key of 4096 bits takes its time
	defer cancel()
	journal := s.journal
	for {
		e, err := journal.Await(ctx, eventlog.ProgramReady.Name)
		if err != nil {
			t.Fatalf("%v\ntslab serve printed:\n%s", err, s.Output())
		}
		if e.Fields["program"] == "tslab" {
			return s, e.Fields["address"]
		}
	}
}

// TestForms connects every client twice to a server of every form.
func TestForms(t *testing.T) {
	var mu sync.Mutex
	all := &results{}
	t.Cleanup(func() { all.print(t) })
	for place, f := range forms() {
		t.Run(f.security+" "+f.flags, func(t *testing.T) {
			t.Parallel()
			s, addr := startForm(t, f.security, f.flags)
			display := startDisplay(t)
			for _, name := range []string{"rdesktop", "xfreerdp", "tsclient"} {
				c := clientAt(t.TempDir(), cell{name, f.security}, display.Name, addr)
				c.args = append(c.args, deviceArgs(name)...)
				want := []string{gotTemporary, gotCAL}
				if cannot, ok := f.cannot[name]; ok {
					want = []string{cannot}
				}
				for i, w := range want {
					got := s.attempt(t, c, display, i == 0)
					if got != w {
						t.Errorf("%s, connection %d: got  %s\nwant %s", name, i+1, got, w)
					}
					mu.Lock()
					all.rows = append(all.rows, row{place, [4]string{name, f.security + " " + f.flags, fmt.Sprint(i + 1), got}})
					mu.Unlock()
				}
			}
		})
	}
}

// deviceArgs make the clients of one server different devices.
func deviceArgs(client string) []string {
	switch client {
	case "rdesktop":
		return []string{"-n", "PC-RD"}
	case "xfreerdp":
		return []string{"/client-hostname:PC-FREERDP"}
	}
	return []string{"--name", "PC-TS"}
}
