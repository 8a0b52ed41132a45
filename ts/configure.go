package ts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tslab/tslab/internal/control"
	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/internal/tamper"
	"github.com/tslab/tslab/ts/policy"
)

// The operations of the control socket that change the terminal server.
const (
	ConfigureOperation = "configure" // in: Settings, out: Operated
	ConnectorOperation = "connector" // in: ConnectorRequest, out: Operated
	CatalogOperation   = "catalog"   // out: []CatalogEntry
	DiscoverOperation  = "discover"  // a pass at once; out: []CatalogEntry
)

// Settings are what an administrator wants set, as NAME=VALUE: mode, the license
// server, knobs. All of them are set, or none.
type Settings struct {
	Set []string `json:"set"`
}

// ConnectorRequest is an operation of the Internet Connector mode.
type ConnectorRequest struct {
	Verb     string `json:"verb"` // enable, disable, repair or password
	Force    bool   `json:"force,omitempty"`
	Password string `json:"password,omitempty"`
}

// Controls are the operations of a terminal server for a control socket.
func (s *Server) Controls() map[string]control.Handler {
	return map[string]control.Handler{
		"status":           func(context.Context, json.RawMessage) (any, error) { return s.Status(), nil },
		"screens":          func(context.Context, json.RawMessage) (any, error) { return s.Screens(), nil },
		tamper.Operation:   s.tamper.Control,
		CatalogOperation:   func(context.Context, json.RawMessage) (any, error) { return s.Catalog(), nil },
		DiscoverOperation:  func(ctx context.Context, _ json.RawMessage) (any, error) { return s.Discover(ctx), nil },
		ConfigureOperation: s.configureControl,
		ConnectorOperation: s.connectorControl,
	}
}

func (s *Server) configureControl(_ context.Context, in json.RawMessage) (any, error) {
	var wanted Settings
	if err := json.Unmarshal(in, &wanted); err != nil {
		return nil, err
	}
	return s.Configure(wanted)
}

func (s *Server) connectorControl(ctx context.Context, in json.RawMessage) (any, error) {
	var r ConnectorRequest
	if err := json.Unmarshal(in, &r); err != nil {
		return nil, err
	}
	switch r.Verb {
	case "enable":
		return s.connector.enable(ctx)
	case "disable":
		return s.connector.disable(ctx, r.Force)
	case "repair":
		return s.connector.repair()
	case "password":
		return s.connector.setPassword(r.Password)
	}
	return nil, fmt.Errorf("%q: want enable, disable, repair or password", r.Verb)
}

// Configure sets all that is wanted, or says why not.
func (s *Server) Configure(wanted Settings) (Operated, error) {
	s.admin.mu.Lock()
	defer s.admin.mu.Unlock()
	before, next := s.setup(), s.admin.stored
	next.Knobs = maps.Clone(next.Knobs)
	var changed []string
	for _, setting := range wanted.Set {
		name, value, _ := strings.Cut(setting, "=")
		news, err := s.admin.want(&next, before, strings.TrimSpace(name), strings.TrimSpace(value))
		if err != nil {
			return refused("%v", err), nil
		}
		if news {
			changed = append(changed, setting)
		}
	}
	if len(changed) == 0 {
		return Operated{Result: policy.OperationNothing.String(), Text: "it is set so already"}, nil
	}
	if _, err := s.admin.apply(next); err != nil { // each is right, and together they are not
		return refused("%v", err), nil
	}
	if err := s.admin.store(next); err != nil {
		return Operated{}, err
	}
	for _, setting := range changed {
		s.config.Events.Event(eventlog.SettingsChanged, eventlog.F("setting", setting))
	}
	s.changed(before, s.setup())
	return Operated{Result: policy.OperationDone.String(), Text: "set " + strings.Join(changed, ", ")}, nil
}

// changed does what follows from another setup.
func (s *Server) changed(before, now *setup) {
	sought := slices.Equal(before.licenseServers, now.licenseServers) && before.profile.Override == now.profile.Override
	if !sought || before.mode == policy.ModeAdmin && now.mode != policy.ModeAdmin {
		s.catalog.restart()
	}
	s.wake()
}

// want puts one setting into next, and reports whether it is another than before.
func (a *administration) want(next *settings, before *setup, name, value string) (news bool, err error) {
	p := before.profile
	one, several := strings.EqualFold(name, string(edition.OverrideOne)), strings.EqualFold(name, string(edition.OverrideSeveral))
	switch {
	case name == "mode" || name == "license_mode":
		return a.wantMode(next, before, value)
	case one && p.Override != edition.OverrideOne:
		return false, fmt.Errorf("%s is a value of Windows 2000; %s reads the keys below %s (the knob override)", name, p.Edition, p.Override)
	case several && p.Override != edition.OverrideSeveral:
		return false, fmt.Errorf("%s are keys of Windows Server 2003; %s reads the value %s (the knob override)", name, p.Edition, p.Override)
	case one, several:
		named, err := LicenseServers(value, p)
		if err != nil {
			return false, err
		}
		news = next.LicenseServer == nil || !slices.Equal(named, before.licenseServers)
		next.LicenseServer = &value
		return news, nil
	}
	return a.wantKnob(next, before, name, value)
}

func (a *administration) wantMode(next *settings, before *setup, value string) (news bool, err error) {
	if value == "" || value == "ic" {
		return false, errors.New("mode: want device, user or admin; the Internet Connector mode is turned on with `tscc ic enable`")
	}
	mode, err := ParseMode(value, before.profile)
	switch {
	case err != nil:
		return false, err
	case before.connector != nil:
		return false, errors.New("the Internet Connector mode is on; turn it off first with `tscc ic disable`, which gives its license back")
	}
	next.Mode = mode.String()
	return mode != before.mode, nil
}

// wantKnob sets a knob that terminal servers read.
func (a *administration) wantKnob(next *settings, before *setup, name, value string) (news bool, err error) {
	changed := *before.profile
	if err := changed.Set(name, value); err != nil {
		return false, err
	}
	if err := edition.Belongs(edition.TerminalServer, name, value); err != nil {
		return false, err
	}
	if changed.Get(name) == before.profile.Get(name) {
		return false, nil
	}
	if next.Knobs == nil {
		next.Knobs = map[string]string{}
	}
	next.Knobs[name] = value
	return true, nil
}

// Knobs are the names of the knobs that a terminal server reads. license_mode is shown
// as its mode.
func Knobs() (names []string) {
	for _, k := range edition.Knobs() {
		if k.Readers&edition.TerminalServer != 0 && k.Name != "license_mode" {
			names = append(names, k.Name)
		}
	}
	return names
}
