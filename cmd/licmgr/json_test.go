package main

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	tscli "github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/wire/hwid"
	"github.com/tslab/tslab/wire/tsls"
)

// shape is a JSON value without what it says: its names, in their order by the alphabet,
// and its types.
func shape(v any) string {
	switch v := v.(type) {
	case map[string]any:
		var parts []string
		for _, name := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, name+":"+shape(v[name]))
		}
		return "{" + strings.Join(parts, " ") + "}"
	case []any:
		if len(v) == 0 {
			return "[]"
		}
		return "[" + shape(v[0]) + "]"
	case string:
		return "text"
	case float64:
		return "number"
	case bool:
		return "bool"
	}
	return "null"
}

// stocked is a desk at a license server that has everything there is to show, with names
// as long as they can be.
func stocked(t *testing.T) *desk {
	t.Helper()
	o := newOffice(t, newDesk(t).house)
	d := atDesk(t, "LICENSE-SERVER-1", edition.W2KSP3(), o, false)
	d.must("activate")
	d.write("pack.txt", d.pack("pack.txt", d.show().Server.ServerID, 1_000_000).Document)
	d.must("install", "--file", "@/pack.txt")
	for n := range 2 {
		for _, one := range []tsls.Allocate{
			{Request: tsls.RequestTemp, HardwareID: hwid.New(0x04000201, [16]byte{byte(n + 1)}), Machine: "WORKSTATION-0042"},
			{Request: tsls.RequestCAL, Presented: tsls.ClassTemporary, HardwareID: hwid.New(0x04000201, [16]byte{byte(n + 1)}), Machine: "WORKSTATION-0042", Validated: true},
		} {
			one.User, one.Mode, one.Edition, one.Features = "administrator-of-everything", "device", "w2k-sp3", tsls.FeatureMark|tsls.FeatureExpiry
			if _, err := d.dial().Call(t.Context(), one); err != nil {
				t.Fatal(err)
			}
		}
	}
	return d
}

// shapes are the forms of --json, which stay: a script reads them.
func shapes() map[string]string {
	const (
		server = "{activated:bool address:text cal_issued_ever:bool edition:text features:text name:text scope:text server_id:text}"
		packs  = "[{available:number id:text installed:text issued:number kind:text product:text program:text total:number}]"
		tokens = "[{expires:text hardware_id:text issued:text issuer:text kind:text license_id:text machine:text product:text state:text user:text validated:bool}]"
	)
	return map[string]string{
		"show":              "{key_packs:" + packs + " server:" + server + "}",
		"show --tokens":     "{key_packs:" + packs + " server:" + server + " tokens:" + tokens + "}",
		"show --tree":       "{failed:[] servers:[{key_packs:" + packs + " server:" + server + "}]}",
		"check":             "{failed:[] findings:[{about:text kind:text text:text tokens:[text]}]}",
		"pack @/pack.txt":   "{count:number issued:text kind:text pack_id:text product:text program:text server_id:text signed_by:text version:text}",
		"properties":        "{activated:bool clearinghouse:text company:text contact:text country:text edition:text method:text methods:[text] product_id:text return_fax:text roots:text server:text server_id:text}",
		"connection-method": "[{label:text method:text recommended:bool used:bool}]",
		"peers":             "{group:text now:text peers:[] server:text}",
	}
}

// The forms of commands that shapes cannot play, as they need another server than its.
const (
	listShape  = "[{activated:bool address:text edition:text name:text scope:text}]" // with server_id once activated
	storeShape = "{cals:number key_packs:number name:text newest:null server_id:text size:number tokens:number}"
	scopeShape = "{scope:text}"
)

// checkShape tells whether what a command printed with --json has its form, and the page
// every name of it.
func checkShape(t *testing.T, command, out, want string) {
	t.Helper()
	page, err := os.ReadFile("../../docs/licmgr.md")
	if err != nil {
		t.Fatal(err)
	}
	_, documented, _ := strings.Cut(string(page), "## What --json prints")
	var v any
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		t.Fatalf("licmgr %s --json: %v: %s", command, err, out)
	}
	if got := shape(v); got != want {
		t.Errorf("licmgr %s --json:\n got %s\nwant %s", command, got, want)
	}
	for _, name := range strings.FieldsFunc(want, func(r rune) bool { return r != '_' && (r < 'a' || r > 'z') }) {
		if strings.Contains(want, name+":") && !strings.Contains(documented, `"`+name+`"`) {
			t.Errorf("licmgr %s --json: %q is not in docs/licmgr.md", command, name)
		}
	}
	word, _, _ := strings.Cut(command, " ")
	if !strings.Contains(documented, "`"+word+"`") && !strings.Contains(documented, "`"+word+" ") {
		t.Errorf("licmgr %s --json is not in docs/licmgr.md", command)
	}
}

// TestShapes: what --json prints has the names and types that it had, and the page names
// them all.
func TestShapes(t *testing.T) {
	d := stocked(t)
	for command, want := range shapes() {
		checkShape(t, command, d.must(append(strings.Fields(command), "--json")...), want)
	}
}

// TestFits: what is for humans fits 80 columns, with the longest names and largest numbers,
// and is not colored where it goes into a file.
func TestFits(t *testing.T) {
	d := stocked(t)
	commands := slices.Collect(maps.Keys(shapes()))
	commands = append(commands, "show --tree --tokens")
	for _, command := range commands {
		out := d.must(strings.Fields(command)...)
		for line := range strings.Lines(out) {
			if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > tscli.Width {
				t.Errorf("licmgr %s: %d columns: %s", command, n, line)
			}
		}
		if strings.Contains(out, "\x1b") {
			t.Errorf("licmgr %s: colors: %q", command, out)
		}
	}
}
