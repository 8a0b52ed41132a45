package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/tslab/tslab/client"
	"github.com/tslab/tslab/internal/clock"
	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/internal/harness"
	"github.com/tslab/tslab/internal/transport"
	"github.com/tslab/tslab/ls"
	"github.com/tslab/tslab/ls/clearinghouse"
	"github.com/tslab/tslab/ls/store"
	"github.com/tslab/tslab/ts/policy"
	"github.com/tslab/tslab/wire/hwid"
	"github.com/tslab/tslab/wire/token"
	"github.com/tslab/tslab/wire/tsls"
)

// holds is what an actor has on its disk, in words. Nobody runs.
func (f *crashFarm) holds(actor string) string {
	f.t.Helper()
	text, err := map[string]func(string) (string, error){
		"pc": f.deviceHolds, "ts": f.terminalHolds, "ls1": f.licenseHolds, "ls2": f.licenseHolds, "house": f.houseHolds, "dc": f.domainHolds,
	}[actor](actor)
	if err != nil {
		f.t.Errorf("%s/%s: %s: %v", f.victim, f.point, actor, err)
	}
	return text
}

// until is a date as the day of the farm's calendar.
func untilDay(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return fmt.Sprintf(" to day %d", int(math.Round(t.Sub(harness.Day0()).Hours()/24)))
}

func (f *crashFarm) deviceHolds(actor string) (string, error) {
	persona := client.Persona{}
	if _, err := os.Stat(f.path(actor) + "/Users"); err == nil {
		persona.Macintosh = true
	}
	s, err := client.OpenStore(persona, f.path(actor))
	if err != nil {
		return "", err
	}
	licenses := s.Licenses()
	_, named := s.HardwareID()
	switch {
	case len(licenses) > 1:
		return "", fmt.Errorf("%d licenses", len(licenses))
	case len(licenses) == 1:
		t, err := token.Parse(licenses[0].License)
		if err != nil {
			return "", err
		}
		return t.Kind.String() + untilDay(t.Expires), nil
	case named:
		return "no token", nil
	}
	return "no token, no hardware id", nil
}

// terminalHolds: the grace period, the settings, the license servers that are known.
func (f *crashFarm) terminalHolds(actor string) (string, error) {
	var grace policy.Grace
	var set struct {
		Mode      string            `json:"mode"`
		Knobs     map[string]string `json:"knobs"`
		Connector *json.RawMessage  `json:"internet_connector"`
		Returning *json.RawMessage  `json:"internet_connector_returning"`
	}
	if err := errors.Join(readJSON(f.path(actor+"/grace.json"), &grace), readJSON(f.path(actor+"/settings.json"), &set)); err != nil {
		return "", err
	}
	parts := []string{"grace " + graceWords(grace)}
	for name, value := range set.Knobs {
		parts = append(parts, name+"="+value)
	}
	if set.Mode != "" {
		parts = append(parts, "mode="+set.Mode)
	}
	for file, words := range map[string]string{"licenseservers.pem": "knows its license server", "membership.txt": "a member of the domain", "TSInternetUser.json": "the account TSInternetUser"} {
		if _, err := os.Stat(f.path(actor + "/" + file)); err == nil {
			parts = append(parts, words)
		}
	}
	if set.Connector != nil {
		parts = append(parts, "Internet Connector on")
	}
	if set.Returning != nil {
		parts = append(parts, "Internet Connector off, its license on the way back")
	}
	slices.Sort(parts)
	return strings.Join(parts, ", "), nil
}

func graceWords(g policy.Grace) string {
	switch g.State {
	case policy.GraceRunning:
		return "runs" + untilDay(g.End)
	case policy.GraceEnded:
		return "over"
	}
	return "not begun"
}

func readJSON(path string, v any) error {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return json.Unmarshal(text, v)
}

// licenseHolds: rows that live, in the order of their numbers, then what is free; and
// everything that must hold of a store does.
func (f *crashFarm) licenseHolds(actor string) (string, error) {
	path := f.path(actor + "/" + store.FileName)
	x, err := store.Examine(path)
	if err != nil {
		return "", err
	}
	for _, v := range x.Violations {
		f.t.Errorf("%s/%s: %s: %s: %v", f.victim, f.point, actor, v.Invariant, v)
	}
	s, err := store.Open(f.path(actor), store.Options{Name: actor})
	if err != nil {
		return "", err
	}
	defer s.Close()
	var parts []string
	err = s.View(func(tx *store.Tx) error {
		id, _, err := tx.Identity()
		if err != nil {
			return err
		}
		pool := poolWords(x.Packs)
		switch {
		case !id.Activated():
			parts = append(parts, "not activated")
		case pool == none:
			parts = append(parts, "activated")
		}
		for l, err := range tx.Licenses(0) {
			if err != nil {
				return err
			}
			if l.State == store.Live {
				parts = append(parts, rowWords(l))
			}
		}
		return nil
	})
	if text, err := os.ReadFile(f.path(actor + "/scope")); err == nil {
		parts = append(parts, "scope "+strings.TrimSpace(string(text)))
	}
	return strings.Join(append(parts, poolWords(x.Packs)), ", "), err
}

func rowWords(l store.License) string {
	words := l.Kind.String() + untilDay(l.Expires)
	if l.Validated && l.Kind == token.Temporary {
		words += " (validated)"
	}
	return words
}

// none stands for no pool at all.
const none = "no key pack"

func poolWords(packs []store.Pack) string {
	var parts []string
	for _, kind := range []token.Kind{token.CAL, token.InternetConnector} {
		var total, free uint32
		for _, p := range packs {
			if p.Kind == kind {
				total, free = total+p.Total, free+p.Free()
			}
		}
		if total > 0 {
			parts = append(parts, fmt.Sprintf("%d of %d %ss free", free, total, kind))
		}
	}
	if parts == nil {
		return none
	}
	return strings.Join(parts, ", ")
}

// houseHolds: what the audit log has, and the two numbers under it.
func (f *crashFarm) houseHolds(actor string) (string, error) {
	if !exists(f.path(actor + "/" + clearinghouse.RootName)) {
		return "not founded", nil
	}
	h, err := clearinghouse.Open(f.path(actor), clock.System{})
	if err != nil {
		return "", err
	}
	defer h.Close()
	log, err := h.Log()
	if err != nil {
		return "", err
	}
	counts := map[clearinghouse.Action]int{}
	for _, r := range log.Records {
		counts[r.Action]++
	}
	var parts []string
	for _, c := range []struct {
		action clearinghouse.Action
		words  string
	}{
		{clearinghouse.ActionActivate, "activations"}, {clearinghouse.ActionReactivate, "reactivations"}, {clearinghouse.ActionDeactivate, "deactivations"},
		{clearinghouse.ActionIssue, "packs issued"}, {clearinghouse.ActionTransfer, "transfers"},
	} {
		if n := counts[c.action]; n > 0 {
			parts = append(parts, fmt.Sprintf("%s: %d", c.words, n))
		}
	}
	if b := log.Balance; b.Bought > 0 {
		parts = append(parts, fmt.Sprintf("%d of %d bought installed", b.Installed, b.Bought))
	}
	if parts == nil {
		return "nothing", nil
	}
	return strings.Join(parts, ", "), nil
}

func (f *crashFarm) domainHolds(actor string) (string, error) {
	var d struct {
		Hosts   map[string]struct{ Name string }   `json:"hosts"`
		Subnets []struct{ Prefix, Site string }    `json:"subnets"`
		Entries map[string]struct{ Server string } `json:"entries"`
	}
	if err := readJSON(f.path(actor+"/directory.json"), &d); err != nil {
		return "", err
	}
	var parts []string
	for _, h := range d.Hosts {
		parts = append(parts, h.Name+" is a member")
	}
	for _, s := range d.Subnets {
		parts = append(parts, "site "+s.Site+" has a subnet")
	}
	for site, e := range d.Entries {
		if e.Server != "" {
			parts = append(parts, "site "+site+" names "+e.Server)
		}
	}
	if parts == nil {
		return "nobody is a member", nil
	}
	slices.Sort(parts)
	return strings.Join(parts, ", "), nil
}

// afterAll lets every date pass and returns the words for the pools then.
func (f *crashFarm) afterAll(actor string) string {
	f.t.Helper()
	now := clock.Fixed(harness.Day0().AddDate(2, 0, 0))
	own, err := edition.ParseEdition(f.edition)
	if err != nil {
		f.t.Fatal(err)
	}
	s, err := ls.New(ls.Config{Name: actor, Dir: f.path(actor), Clock: now, Edition: edition.Of(own), Log: eventlog.New(nil, actor, ls.Program, now, nil)})
	if err != nil {
		f.t.Fatal(err)
	}
	answer := s.Handle(f.t.Context(), transport.Peer{}, tsls.Allocate{Request: tsls.RequestTemp, HardwareID: hwid.New(1, [16]byte{9}), Machine: "LATE", Mode: "device", Edition: f.edition})
	if err := s.Close(); err != nil {
		f.t.Error(err)
	}
	if _, ok := answer.(tsls.Allocated); !ok {
		f.t.Errorf("%s/%s: long after: %v", f.victim, f.point, answer)
	}
	x, err := store.Examine(f.path(actor + "/" + store.FileName))
	if err != nil || len(x.Violations) > 0 {
		f.t.Errorf("%s/%s: long after: %v, %v", f.victim, f.point, x.Violations, err)
	}
	return poolWords(x.Packs)
}
