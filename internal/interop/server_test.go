package interop

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/internal/harness"
)

const address = "127.0.0.1:3389"

// server is a running tslab serve with a capture of all that it sends and receives.
type server struct {
	*harness.Process
	dir     string
	journal harness.Journal
	sniffer *harness.Sniffer

	// lserver is the event log of a license server that is a program of its own.
	lserver *harness.Journal
}

func (s *server) file(name string) string { return filepath.Join(s.dir, name) }

func startServer(t *testing.T, security string) *server {
	t.Helper()
	s := &server{dir: t.TempDir()}
	s.journal.Path = s.file("events.jsonl")
	var err error
	if s.sniffer, err = harness.Sniff(s.file("lo.pcap")); err != nil {
		t.Fatal(err)
	}
	args := []string{"serve", "--state", s.dir, "--listen", address, "--seed", "2003",
		"--keylog", s.file("keys"), "--transcript", s.file("transcript.jsonl")}
	switch security {
	case "NONE":
		args = append(args, "--security", "rdp", "--encryption", "none")
	case "128":
		args = append(args, "--security", "rdp", "--encryption", "128")
	case "TLS":
		args = append(args, "--security", "tls")
	}
	if s.Process, err = harness.Start(s.dir, nil, "", filepath.Join(programs, "tslab"), args...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Process.Kill()
		if t.Failed() {
			t.Logf("tslab serve printed:\n%s", s.Output())
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), stepBound)
	defer cancel()
	if _, err := s.journal.Await(ctx, eventlog.ProgramReady.Name); err != nil {
		t.Fatalf("%v\ntslab serve printed:\n%s", err, s.Output())
	}
	return s
}

// stop ends the server and the capture.
func (s *server) stop(t *testing.T) {
	t.Helper()
	s.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), stepBound)
	defer cancel()
	if code, err := s.Wait(ctx); code != 0 || err != nil {
		t.Errorf("tslab serve ended with exit status %d, %v:\n%s", code, err, s.Output())
	}
	if err := s.sniffer.Close(ctx); err != nil {
		t.Error(err)
	}
}

// connection lets the client connect once, looks at its screen, and says what the
// event log tells of it.
func (s *server) connection(ctx context.Context, t *testing.T, c *client, display *harness.Display, first bool) string {
	t.Helper()
	before, err := s.journal.All()
	if err != nil {
		t.Fatal(err)
	}
	p := c.start(t, first)
	defer p.Kill()
	s.awaitSession(ctx, t, p)
	if c.draws {
		s.compareScreens(ctx, t, c, display)
	}
	p.Stop()
	if _, err := s.journal.Await(ctx, eventlog.SessionEnded.Name); err != nil {
		t.Fatal(err)
	}
	all, err := s.journal.All()
	if err != nil {
		t.Fatal(err)
	}
	return outcome(all[len(before):])
}

// awaitSession returns when the session of the client has started; a client that ends
// before that fails the test.
func (s *server) awaitSession(ctx context.Context, t *testing.T, client *harness.Process) {
	t.Helper()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-client.Ended():
			cancel()
		case <-ctx.Done():
		}
	}()
	if _, err := s.journal.Await(ctx, eventlog.SessionStarted.Name); err != nil {
		t.Fatalf("%v\nthe client printed:\n%s", err, client.Output())
	}
}

// outcome sums up the events of a connection.
func outcome(events []eventlog.Event) string {
	var said []string
	asked := false
	for _, e := range events {
		switch e.Name {
		case eventlog.LicensePushed.Name:
			said = append(said, kind(e)+" pushed")
		case eventlog.LicenseAccepted.Name:
			said = append(said, kind(e)+" accepted")
		case eventlog.LicenseNone.Name, eventlog.LogonFailed.Name:
			said = append(said, e.Text)
		case eventlog.LicenseDenied.Name:
			said = append(said, "refused, "+refusals[e.Fields["wire"]]+" ("+e.Fields["wire"]+")")
		}
		asked = asked || e.Program == "lserver"
		if e.Name == eventlog.SessionStarted.Name {
			if !asked {
				said = append(said, "license server not asked")
			}
			said = append(said, "session")
		}
	}
	return strings.Join(said, ", ")
}

// refusals are the endings of the decision table that refuse.
var refusals = map[string]string{
	"NOLS": "no license server", "NOLIC": "no license", "BADLIC": "the license is broken",
	"HWID": "another device's license", "CANTUP": "cannot be renewed",
}

func kind(e eventlog.Event) string {
	if kind := e.Fields["kind"]; kind == "temporary" {
		return "temporary token"
	} else {
		return kind
	}
}

// messages returns the types of the licensing messages of each connection: of an
// encrypted one from the server's own transcript, else from the capture as tshark
// reads it.
func (s *server) messages(t *testing.T, security string) []string {
	t.Helper()
	if security == "128" {
		return s.transcript(t)
	}
	return s.captured(t, security)
}

// transcript reads the server's transcript.
func (s *server) transcript(t *testing.T) []string {
	t.Helper()
	f, err := os.Open(s.file("transcript.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var conns sequences
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line struct {
			Connection int    `json:"connection"`
			Direction  string `json:"direction"`
			License    byte   `json:"license"`
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatalf("transcript: %v", err)
		}
		if line.License != 0 {
			conns.add(t, line.Connection, line.License, line.Direction == "sent")
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return conns.texts()
}

// sequences collects message types by connection.
type sequences struct {
	order []int
	types map[int][]string
}

// add notes a message; a server's message from a client, and the other way round,
// is an error.
func (s *sequences) add(t *testing.T, connection int, kind byte, sent bool) {
	t.Helper()
	servers := map[byte]bool{0x01: true, 0x02: true, 0x03: true, 0x04: true, 0x12: false, 0x13: false, 0x15: false, 0xff: true}
	if fromServer, known := servers[kind]; !known || fromServer != sent {
		t.Errorf("connection %d: licensing message %02X, sent by the server: %v", connection, kind, sent)
	}
	if s.types == nil {
		s.types = map[int][]string{}
	}
	if s.types[connection] == nil {
		s.order = append(s.order, connection)
	}
	s.types[connection] = append(s.types[connection], fmt.Sprintf("%02X", kind))
}

func (s *sequences) texts() []string {
	var all []string
	for _, c := range s.order {
		all = append(all, strings.Join(s.types[c], " "))
	}
	return all
}
