package ts

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tslab/tslab/internal/rdpconn"
	"github.com/tslab/tslab/wire/licensing"
	"github.com/tslab/tslab/wire/rdpsec"
)

// Speech is how a terminal server speaks RDP, in words: those of the command line.
type Speech struct {
	Security   string // rdp, tls, both or both-tls
	Encryption string // none, 40, 56, 128, or "" for the best that the client can

	KeyBits          int
	Certificate      string // see ParseCertificateForm
	EncryptLicensing bool
	Output           string // fast or slow
	Behavior         []string
}

// Speak sets the fields of c that say how it speaks RDP.
func (c *Config) Speak(s Speech) (err error) {
	if c.Security, err = rdpconn.ParseProtocols(s.Security); err != nil {
		return fmt.Errorf("--security: %w", err)
	}
	c.Encryption = nil
	if s.Encryption != "" {
		method, err := rdpsec.ParseMethod(s.Encryption)
		if err != nil {
			return fmt.Errorf("--encryption: %w", err)
		}
		c.Encryption = []rdpsec.Method{method}
	}
	if !slices.Contains([]int{512, 1024, 2048, 4096}, s.KeyBits) {
		return fmt.Errorf("--key-bits %d: want 512, 1024, 2048 or 4096", s.KeyBits)
	}
	if c.Certificate, err = ParseCertificateForm(s.Certificate); err != nil {
		return fmt.Errorf("--certificate: %w", err)
	}
	if s.Output != "fast" && s.Output != "slow" {
		return fmt.Errorf("--output %q: want fast or slow", s.Output)
	}
	c.KeyBits, c.EncryptLicensing, c.SlowPath = s.KeyBits, s.EncryptLicensing, s.Output == "slow"
	for _, b := range s.Behavior {
		if err := c.behave(b); err != nil {
			return fmt.Errorf("--behavior: %w", err)
		}
	}
	if c.Alert != nil && c.Refuse != 0 {
		return errors.New("--behavior: send= and refuse= say both what every client is told: give one of them")
	}
	return nil
}

// behave sets one behavior.
func (c *Config) behave(behavior string) error {
	name, value, hasValue := strings.Cut(behavior, "=")
	if hasValue && name != "refuse" && name != "send" {
		return fmt.Errorf("%s takes no value", name)
	}
	switch name {
	case "alert":
		c.Errors = AlertOnly
	case "errorinfo":
		c.Errors = ErrorInfo
	case "refuse":
		reason, err := ParseRefusal(value)
		c.Refuse = reason
		return err
	case "send":
		alert, err := ParseAlert(value)
		c.Alert = alert
		return err
	case "salted-mac":
		c.SaltedMAC = true
	case "low-level":
		c.LowLevel = true
	default:
		return fmt.Errorf("%q: want alert, errorinfo, refuse=REASON, send=CODE/TRANSITION, salted-mac or low-level", behavior)
	}
	return nil
}

// Refusal is a reason to refuse every client: a code of Set Error Info that concerns
// licensing, MS-RDPBCGR 2.2.5.1.1. Zero is none.
type Refusal uint32

// firstRefusal is ERRINFO_LICENSE_INTERNAL.
const firstRefusal Refusal = 0x100

var refusalNames = [...]string{
	"internal", "no-license-server", "no-license", "bad-message", "hardware-id", "bad-license",
	"cant-finish", "client-ended", "bad-encryption", "cant-upgrade", "no-remote-connections",
}

// ParseRefusal reads a name, such as no-license, or a number, such as 0x102.
func ParseRefusal(s string) (Refusal, error) {
	if i := slices.Index(refusalNames[:], s); i >= 0 {
		return firstRefusal + Refusal(i), nil
	}
	n, err := strconv.ParseUint(s, 0, 32)
	if r := Refusal(n); err == nil && r >= firstRefusal && r < firstRefusal+Refusal(len(refusalNames)) {
		return r, nil
	}
	return 0, fmt.Errorf("refusal %q: want one of %s, or a number from 0x100 to 0x10A", s, strings.Join(refusalNames[:], ", "))
}

// ParseAlert reads an ERROR_ALERT as CODE or CODE/TRANSITION, by the names of MS-RDPBCGR
// 2.2.1.12.1.3 or by numbers; without a transition it is ST_TOTAL_ABORT. A number needs
// no name: a client must take any.
func ParseAlert(s string) (*licensing.ErrorAlert, error) {
	code, transition, ok := strings.Cut(s, "/")
	if !ok {
		transition = licensing.TotalAbort.String()
	}
	c, codes, ok := named[licensing.Code](code, 0x0C)
	if !ok {
		return nil, fmt.Errorf("send=%s: code %q: want a number or one of %s", s, code, codes)
	}
	t, transitions, ok := named[licensing.Transition](transition, 4)
	if !ok {
		return nil, fmt.Errorf("send=%s: transition %q: want a number or one of %s", s, transition, transitions)
	}
	return &licensing.ErrorAlert{Code: c, Transition: t}, nil
}

// named is the number that a word is or names, among those from 1 to last that have a
// name of their own; names lists them.
func named[T interface {
	~uint32
	String() string
}](word string, last T) (value T, names string, ok bool) {
	if n, err := strconv.ParseUint(word, 0, 32); err == nil {
		return T(n), "", true
	}
	var all []string
	for n := T(1); n <= last; n++ {
		name := n.String()
		if strings.EqualFold(name, word) {
			return n, "", true
		}
		if !strings.ContainsRune(name, ' ') {
			all = append(all, name)
		}
	}
	return 0, strings.Join(all, ", "), false
}

// String is the name.
func (r Refusal) String() string {
	if i := int(r) - int(firstRefusal); i >= 0 && i < len(refusalNames) {
		return refusalNames[i]
	}
	return fmt.Sprintf("refusal %#x", uint32(r))
}

// alert is the code of the licensing alert that says it nearest.
func (r Refusal) alert() licensing.Code {
	switch r.String() {
	case "no-license-server":
		return licensing.NoLicenseServer
	case "bad-message":
		return licensing.InvalidMessageLength
	case "bad-encryption":
		return licensing.InvalidMAC
	}
	return licensing.InvalidClient
}

// forced is the refusal of every client, nil when none is wanted.
func (s *Server) forced() error {
	if a := s.config.Alert; a != nil {
		return &refusal{wanted: a, cause: fmt.Errorf("every client is sent %v", a)}
	}
	r := s.config.Refuse
	if r == 0 {
		return nil
	}
	return &refusal{alert: r.alert(), errorInfo: uint32(r), cause: fmt.Errorf("every client is refused: %v", r)}
}
