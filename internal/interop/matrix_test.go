package interop

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	tsclient "github.com/tslab/tslab/client"
	"github.com/tslab/tslab/internal/harness"
)

// matrixCells are all combinations, or those that the core of the tests takes.
func matrixCells() []cell {
	if !*full {
		return []cell{{"rdesktop", "40"}, {"rdesktop", "56"}, {"xfreerdp", "56"}, {"tsclient", "TLS"}}
	}
	var all []cell
	for _, client := range []string{"rdesktop", "xfreerdp", "tsclient"} {
		for _, security := range []string{"NONE", "40", "56", "128", "TLS"} {
			all = append(all, cell{client, security})
		}
	}
	return all
}

// The steps of a cell and what must come of them, whatever the client and the
// security. How a client ends that is refused is its own; see refusedStatus.
const (
	gotTemporary = "01 13 02 15 03: temporary token pushed, session"
	gotCAL       = "01 12 02 15 04: CAL pushed, session"
	keptCAL      = "01 12 FF: CAL accepted, license server not asked, session"
	keptTemp     = "01 12 02 15 FF: temporary token accepted, license server not asked, session"
	keptBuiltIn  = "01 12 FF: built-in accepted, license server not asked, session"
	refusedBad   = "01 12 FF: refused, the license is broken (BADLIC)"
	refusedNone  = "01 13 02 15 FF: refused, no license server (NOLS)"
	refusedOld   = "01 12 02 15 FF: refused, no license server (NOLS)"
	impossible   = "not possible: its platform id draws no built-in token"
)

// cannot is a cell that cannot be: rdesktop knows 40 and 128 bits only.
const cannotEncrypt = "none: refused: rdp MCS connect, received: client offers encryption methods 0x3, server takes [56]"

// refusedStatus is the exit status of a client whose licensing the server aborts.
var refusedStatus = map[string]string{"rdesktop": ", exit status 76", "xfreerdp": ", exit status 147", "tsclient": ", exit status 3"}

// TestMatrix takes every client under every security through what can become of a
// license.
func TestMatrix(t *testing.T) {
	foreign := foreignHomes(t)
	var mu sync.Mutex
	all := &results{}
	t.Cleanup(func() { all.print(t) })
	for place, c := range matrixCells() {
		t.Run(c.client+"/"+c.security, func(t *testing.T) {
			t.Parallel()
			m := &matrix{t: t, cell: c, place: place}
			if c == (cell{"rdesktop", "56"}) {
				m.cannot()
			} else {
				m.run(foreign[c.client])
			}
			mu.Lock()
			defer mu.Unlock()
			all.rows = append(all.rows, m.rows...)
		})
	}
}

// matrix is one cell's work.
type matrix struct {
	t       *testing.T
	cell    cell
	place   int
	farm    *farm
	display *harness.Display
	rows    []row
}

// step connects from a home and compares.
func (m *matrix) step(name, home, want string) {
	m.t.Helper()
	m.connect(name, home, want)
}

func (m *matrix) connect(name, home, want string, more ...string) {
	m.t.Helper()
	c := clientAt(home, m.cell, m.display.Name, m.farm.Addr)
	c.args = append(c.args, more...)
	messages, said, refused := strings.Cut(want, ": refused, ")
	if refused && m.cell.client == "xfreerdp" { // tries once more
		want = messages + " / " + messages + ": refused, " + said + ", refused, " + said
	}
	if refused {
		want += refusedStatus[m.cell.client]
	}
	m.expect(name, want, m.farm.attempt(m.t, c, m.display, !m.knows(home)))
}

func (m *matrix) expect(name, want, got string) {
	m.t.Helper()
	m.rows = append(m.rows, row{m.place, [4]string{m.cell.client, m.cell.security, name, got}})
	if got != want {
		m.t.Errorf("%s: got  %s\nwant %s", name, got, want)
	}
}

// knows reports whether a rdesktop at home has confirmed a certificate before.
func (m *matrix) knows(home string) bool {
	_, err := os.Stat(filepath.Join(home, ".local/share/rdesktop/certs"))
	return err == nil
}

func (m *matrix) start() {
	m.farm, m.display = startFarm(m.t, m.cell.security), startDisplay(m.t)
}

// cannot is a cell whose connections all end the same way.
func (m *matrix) cannot() {
	m.start()
	m.step("any", m.t.TempDir(), cannotEncrypt+", exit status 76")
}

// run is a cell: with the license server, without it, and when everything has expired.
func (m *matrix) run(foreign string) {
	m.start()
	home := m.t.TempDir()
	m.step("first", home, gotTemporary)
	temporary := m.copy(home)
	m.step("second", home, gotCAL)
	m.step("third", home, keptCAL)
	m.step("foreign CAL", m.copy(foreign), gotCAL)
	broken := m.copy(home)
	m.corrupt(broken)
	m.step("corrupted CAL", broken, refusedBad)
	pro := m.builtIn()

	m.farm.LServer.Kill()
	const down = "license server down, "
	m.step(down+"nothing", m.t.TempDir(), refusedNone)
	m.step(down+"temporary", m.copy(temporary), keptTemp)
	m.step(down+"CAL", m.copy(home), keptCAL)
	if pro == "" {
		m.expect(down+"built-in", impossible, impossible)
	} else {
		m.connect(down+"built-in", pro, keptBuiltIn, professional()...)
	}
	if err := m.farm.Lab.AdvanceBySteps(m.t.Context(), 91*24*time.Hour, 24*time.Hour); err != nil {
		m.t.Fatal(err)
	}
	m.step(down+"temporary expired", m.copy(temporary), refusedOld)
	m.step(down+"CAL expired", m.copy(home), refusedOld)
}

// copy is another home with the same content.
func (m *matrix) copy(home string) string {
	m.t.Helper()
	dir := m.t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(home)); err != nil {
		m.t.Fatal(err)
	}
	return dir
}

// corrupt changes a byte of the license's last signature.
func (m *matrix) corrupt(home string) {
	m.t.Helper()
	flip := func(license []byte) []byte {
		b := bytes.Clone(license)
		b[len(b)-20] ^= 0x55
		return b
	}
	if m.cell.client == "tsclient" {
		s, err := tsclient.OpenWindowsStore(home)
		if err != nil {
			m.t.Fatal(err)
		}
		l := s.Licenses()[0]
		l.License = flip(l.License)
		if err := s.Put(l); err != nil {
			m.t.Fatal(err)
		}
		return
	}
	found := 0
	err := filepath.WalkDir(home, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".cal") {
			return err
		}
		found++
		b, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(path, flip(b), 0o600)
		}
		return err
	})
	if err != nil || found != 1 {
		m.t.Fatalf("%d stored licenses, %v", found, err)
	}
}

// professional makes tsclient a Windows 2000 Professional.
func professional() []string {
	return []string{"--persona", "w2k-pro", "--name", "PRO-01", "--hardware-id", "00000003" + hardwareID[8:]}
}

// builtIn is a home with a built-in token, "" for clients that can have none: those
// never say that they are a Windows 2000 or XP Professional.
func (m *matrix) builtIn() string {
	m.t.Helper()
	if m.cell.client != "tsclient" {
		return ""
	}
	home := m.t.TempDir()
	m.connect("w2k-pro, first", home, "01 13 02 15 03: built-in pushed, session", professional()...)
	return home
}

// foreignHomes are homes with a CAL of another clearinghouse, by client.
func foreignHomes(t *testing.T) map[string]string {
	t.Helper()
	f, display := startFarm(t, "any"), startDisplay(t)
	homes := map[string]string{}
	for _, c := range matrixCells() {
		if homes[c.client] != "" {
			continue
		}
		home := t.TempDir()
		homes[c.client] = home
		for _, want := range []string{gotTemporary, gotCAL} {
			if got := f.attempt(t, clientAt(home, cell{c.client, "128"}, display.Name, f.Addr), display, false); got != want {
				t.Fatalf("%s: got  %s\nwant %s", c.client, got, want)
			}
		}
	}
	return homes
}
