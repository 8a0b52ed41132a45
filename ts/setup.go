package ts

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/tslab/tslab/internal/durable"
	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/internal/hostport"
	"github.com/tslab/tslab/ts/policy"
)

// LicenseServerPort is where license servers listen unless an address says
// otherwise.
const LicenseServerPort = "3343"

// settingsName is the file of the state folder with what an administrator has set.
const settingsName = "settings.json"

// setup is how the terminal server licenses at one moment: what it was started
// with, and over it what an administrator has set since. It does not change;
// another takes its place.
type setup struct {
	profile *edition.Profile
	mode    policy.Mode // ModeInternetConnector while connector is not nil
	// licenseServers are the addresses that are configured: at most one in Windows
	// 2000, in their order in Windows Server 2003.
	licenseServers []string
	viaDefault     bool // the registry names it: a thing of Windows 2000
	connector      *connectorToken
	set            map[string]string // what of it an administrator has set
}

// settings are what an administrator has set. They count before what the command
// line says, and survive a restart.
type settings struct {
	Mode string `json:"mode,omitempty"`
	// LicenseServer is the registry's DefaultLicenseServer, or in Windows Server
	// 2003 its LicenseServers: names, empty for none; nil when never set.
	LicenseServer *string           `json:"license_server,omitempty"`
	Knobs         map[string]string `json:"knobs,omitempty"`
	Connector     *connectorToken   `json:"internet_connector,omitempty"`
	// Returning is a license that is on its way back: the mode is off, and the license
	// server may have it or not.
	Returning *connectorToken `json:"internet_connector_returning,omitempty"`
}

// administration is the settings on disk, and the setup that they make.
type administration struct {
	path string
	base Config

	mu     sync.Mutex // held while they are changed
	stored settings
	now    atomic.Pointer[setup]
}

func loadAdministration(c Config) (*administration, error) {
	a := &administration{path: filepath.Join(c.Dir, settingsName), base: c}
	text, err := os.ReadFile(a.path)
	if err == nil {
		err = json.Unmarshal(text, &a.stored)
	} else if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	var now *setup
	if err == nil {
		now, err = a.apply(a.stored)
	}
	if err != nil {
		return nil, fmt.Errorf("settings: %s: %w: delete it to go back to what the command line says", a.path, err)
	}
	a.now.Store(now)
	return a, nil
}

// apply makes the setup of settings.
func (a *administration) apply(s settings) (*setup, error) {
	profile := a.base.Profile
	now := &setup{
		profile: &profile, mode: a.base.Mode, licenseServers: a.base.LicenseServers, viaDefault: a.base.DefaultLicenseServer,
		connector: s.Connector,
	}
	if a.base.LicenseServer != "" {
		now.licenseServers = append([]string{a.base.LicenseServer}, a.base.LicenseServers...)
	}
	for name, value := range s.Knobs {
		if err := profile.Set(name, value); err != nil {
			return nil, err
		}
	}
	if s.Mode != "" {
		mode, err := ParseMode(s.Mode, &profile)
		if err != nil {
			return nil, err
		}
		now.mode = mode
	}
	if s.LicenseServer != nil {
		named, err := LicenseServers(*s.LicenseServer, &profile)
		if err != nil {
			return nil, err
		}
		now.licenseServers, now.viaDefault = named, true
	}
	if s.Connector != nil {
		now.mode = policy.ModeInternetConnector
	}
	one := profile.Override == edition.OverrideOne
	if n := len(now.licenseServers); one && n > 1 {
		return nil, fmt.Errorf("override=%s names exactly one license server, and %d are set", profile.Override, n)
	}
	now.viaDefault = now.viaDefault && one && len(now.licenseServers) > 0 && profile.Edition != edition.Server2003
	now.set = s.shown(&profile)
	return now, nil
}

// shown is settings as an administrator gave them.
func (s settings) shown(p *edition.Profile) map[string]string {
	set := map[string]string{}
	for name, value := range s.Knobs {
		set[name] = value
	}
	if s.Mode != "" {
		set["mode"] = s.Mode
	}
	if s.LicenseServer != nil {
		set[string(p.Override)] = *s.LicenseServer
	}
	return set
}

// store needs the lock. When it returns without an error, the settings are on disk
// and count.
func (a *administration) store(s settings) error {
	now, err := a.apply(s)
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("settings: %w", err)
	}
	if err := durable.WriteFile(a.path, append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("settings: %w", err)
	}
	a.stored = s
	a.now.Store(now)
	return nil
}

// setup is how the server licenses now. Who needs more than one thing of it asks
// once.
func (s *Server) setup() *setup { return s.admin.now.Load() }

// profile is the edition with its knobs as they stand now.
func (s *Server) profile() *edition.Profile { return s.setup().profile }

// ParseMode reads a mode that an administrator can set: device, user, invalid or
// admin. The Internet Connector mode is enabled, not set.
func ParseMode(name string, p *edition.Profile) (policy.Mode, error) {
	switch m := map[string]policy.Mode{
		"device": policy.ModeDevice, "user": policy.ModeUser, "invalid": policy.ModeInvalid, "admin": policy.ModeAdmin,
	}; {
	case name == "":
		if p.LicenseMode == edition.PerUser {
			name = "user"
		} else {
			name = "device"
		}
		return ParseMode(name, p)
	case (name == "user" || name == "invalid") && p.Edition != edition.Server2003:
		return 0, fmt.Errorf("mode %s: %s licenses per device; per-user licensing came with Windows Server 2003", name, p.Edition)
	default:
		if mode, ok := m[name]; ok {
			return mode, nil
		}
	}
	return 0, fmt.Errorf("mode %q: want device, user or admin", name)
}

// LicenseServers reads what the registry names: exactly one license server, or, where
// the knob override says LicenseServers, as in Windows Server 2003, any number with
// commas or spaces between them. The empty text is none.
func LicenseServers(text string, p *edition.Profile) ([]string, error) {
	names := []string{text}
	if p.Override == edition.OverrideSeveral {
		names = strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" ,;\t", r) })
	}
	var addrs []string
	for _, name := range names {
		addr, err := LicenseServerAddress(name)
		if err != nil {
			return nil, err
		}
		if addr != "" && !slices.Contains(addrs, addr) {
			addrs = append(addrs, addr)
		}
	}
	return addrs, nil
}

// LicenseServerAddress reads the name of exactly one license server, a NetBIOS or
// domain name or an address, with the port of the license server protocol unless it
// says another. The empty name is none.
func LicenseServerAddress(name string) (string, error) {
	name = strings.TrimSpace(name)
	if name == "" {
		return "", nil
	}
	if strings.ContainsAny(name, " ,;\t") {
		return "", fmt.Errorf("license server %q: it names exactly one server", name)
	}
	addr, err := hostport.Parse(name, LicenseServerPort)
	if err != nil {
		return "", fmt.Errorf("license server %w", err)
	}
	return addr, nil
}
