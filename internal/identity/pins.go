package identity

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// PinsName is the file of a state folder that pins lie in.
const PinsName = "known_servers"

const pinsHead = "# Keys of the servers that this program has met, by the address it met them at.\n" +
	"# A server whose key has changed is refused; delete its line to accept the new key.\n"

// Pins are the keys of servers, trusted on first use. They lie in a file with a
// line `address fingerprint` each, which is read anew for every check, so that an
// edit counts at once.
type Pins struct {
	// Met is told of every server that is pinned; it may be nil.
	Met func(server, fingerprint string)

	path string
	mu   sync.Mutex
}

// OpenPins uses the file in dir; it is made with the first pin.
func OpenPins(dir string) *Pins { return &Pins{path: filepath.Join(dir, PinsName)} }

// ChangedKeyError says that a server shows another key than it did before.
type ChangedKeyError struct {
	Server        string // address
	Pinned, Shown string // fingerprints
	File          string
	Line          int
}

func (e *ChangedKeyError) Error() string {
	return fmt.Sprintf("%s shows the key %s, and showed %s before: if it was set up anew, delete line %d of %s and try again; if not, somebody stands between",
		e.Server, e.Shown, e.Pinned, e.Line, e.File)
}

// Check compares the server's key with its pin; known says that there is one. A
// changed key is a [*ChangedKeyError].
func (p *Pins) Check(server string, cert *x509.Certificate) (known bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	known, _, err = p.check(server, cert)
	return known, err
}

// Keep pins a server, unless that has been done meanwhile.
func (p *Pins) Keep(server string, cert *x509.Certificate) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	known, text, err := p.check(server, cert)
	if err != nil || known {
		return err
	}
	if err := p.add(text, server, Fingerprint(cert)); err != nil {
		return err
	}
	if p.Met != nil {
		p.Met(server, Fingerprint(cert))
	}
	return nil
}

// check returns the file as well; it needs the lock.
func (p *Pins) check(server string, cert *x509.Certificate) (known bool, text []byte, err error) {
	if server == "" || strings.ContainsAny(server, " \t\r\n#") {
		return false, nil, fmt.Errorf("%q is no address that a key can be pinned for", server)
	}
	text, err = os.ReadFile(p.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, nil, fmt.Errorf("pins: %w", err)
	}
	pinned, line, err := find(string(text), server)
	switch shown := Fingerprint(cert); {
	case err != nil:
		return false, nil, fmt.Errorf("pins: %s: %w", p.path, err)
	case pinned == "":
		return false, text, nil
	case pinned != shown:
		return true, text, &ChangedKeyError{Server: server, Pinned: pinned, Shown: shown, File: p.path, Line: line}
	}
	return true, text, nil
}

// find returns the pin of server and its line, the empty string when there is none.
func find(text, server string) (pin string, line int, err error) {
	for i, l := range strings.Split(text, "\n") {
		fields := strings.Fields(l)
		switch {
		case len(fields) == 0 || strings.HasPrefix(fields[0], "#"):
		case len(fields) != 2 || !strings.HasPrefix(fields[1], "sha256:"):
			return "", 0, fmt.Errorf("line %d is not `address sha256:...`: mend or delete it", i+1)
		case pin == "" && strings.EqualFold(fields[0], server):
			pin, line = fields[1], i+1
		}
	}
	return pin, line, nil
}

// add appends a line in one write, so that programs at once do not mix theirs.
func (p *Pins) add(old []byte, server, fingerprint string) error {
	if err := os.MkdirAll(filepath.Dir(p.path), 0o700); err != nil {
		return fmt.Errorf("pins: %w", err)
	}
	f, err := os.OpenFile(p.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("pins: %w", err)
	}
	var line bytes.Buffer
	if len(old) == 0 {
		line.WriteString(pinsHead)
	} else if old[len(old)-1] != '\n' {
		line.WriteByte('\n')
	}
	fmt.Fprintf(&line, "%s %s\n", server, fingerprint)
	_, err = f.Write(line.Bytes())
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("pins: %w", err)
	}
	return nil
}
