package ts

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/tslab/tslab/internal/durable"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/ts/policy"
	"github.com/tslab/tslab/wire/hwid"
)

// connectorToken is the Internet Connector license that lies on this terminal
// server while the mode is on.
type connectorToken struct {
	LicenseID  string    `json:"license_id"`
	HardwareID hwid.ID   `json:"hardware_id"` // that the terminal server has it under
	Issuer     string    `json:"issuer"`
	Server     string    `json:"server"`  // its license server's name
	Address    string    `json:"address"` // and where it is given back
	Since      time.Time `json:"since"`
	License    []byte    `json:"license"`
	Password   string    `json:"password"` // of TSInternetUser, as the mode set it up
}

// accountName is the file of the state folder that is the local account
// TSInternetUser. The server logs anonymous users on with the password that it gave
// the account; when an administrator changes the account, that fails.
const accountName = "TSInternetUser.json"

type account struct {
	User     string `json:"user"`
	Password string `json:"password"`
}

// The self-repair of the account: as long as event 1007 says.
const (
	repairEvery = time.Minute
	repairTime  = 20 * time.Minute
)

// connector is the Internet Connector mode of Windows 2000: the account that all its
// sessions are of, and the incident when that cannot log on.
type connector struct {
	server *Server
	path   string // of the account

	mu     sync.Mutex
	broken time.Time // since when the incident lasts; zero: there is none
	next   time.Time // when the account is repaired next; zero: not any more
}

func newConnector(s *Server) *connector {
	return &connector{server: s, path: filepath.Join(s.config.Dir, accountName)}
}

// works reports whether TSInternetUser can log on.
func (c *connector) works() bool {
	held := c.server.setup().connector
	if held == nil {
		return true
	}
	text, err := os.ReadFile(c.path)
	var a account
	return err == nil && json.Unmarshal(text, &a) == nil && a == account{internetUser, held.Password}
}

// write makes the account anew, or over what it has become.
func (c *connector) write(password string) error {
	text, err := json.Marshal(account{internetUser, password})
	if err != nil {
		return err
	}
	if err := durable.WriteFile(c.path, append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("account %s: %w", internetUser, err)
	}
	return nil
}

// failed begins an incident, unless one lasts, and reports whether it did: event
// 1007 is written once an incident.
func (c *connector) failed(now time.Time) (first bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.broken.IsZero() {
		return false
	}
	c.broken, c.next = now, now.Add(repairEvery)
	c.server.wake()
	return true
}

// healed ends the incident.
func (c *connector) healed(how string) {
	c.mu.Lock()
	was := !c.broken.IsZero()
	c.broken, c.next = time.Time{}, time.Time{}
	c.mu.Unlock()
	if was {
		c.server.config.Events.Event(eventlog.InternetUserRepaired, eventlog.F("reason", how))
	}
}

// repairDue is when the server tries to repair the account; zero for not.
func (c *connector) repairDue() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.next
}

// tryRepair is the repair that the server tries by itself, every minute for 20
// minutes.
func (c *connector) tryRepair(now time.Time) {
	held := c.server.setup().connector
	switch {
	case held == nil:
		c.healed("Internet Connector licensing is off")
		return
	case c.works(), c.write(held.Password) == nil:
		c.healed("the server has put it right")
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.next = c.next.Add(repairEvery); !c.next.After(now); c.next = c.next.Add(repairEvery) {
	}
	if c.next.After(c.broken.Add(repairTime)) {
		c.next = time.Time{} // it is for an administrator now
	}
}

// Operated is what came of an administrator's operation.
type Operated struct {
	Result string `json:"result"` // ok, refuse or no-op
	Rule   string `json:"rule,omitempty"`
	Text   string `json:"text"`
}

func operated(r policy.ConnectorResult) Operated {
	return Operated{Result: r.Result.String(), Rule: r.Rule, Text: r.Reason}
}

func refused(format string, args ...any) Operated {
	return Operated{Result: policy.OperationRefused.String(), Text: fmt.Sprintf(format, args...)}
}
