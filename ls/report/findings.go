package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tslab/tslab/wire/hwid"
	"github.com/tslab/tslab/wire/licensing"
	"github.com/tslab/tslab/wire/token"
)

// Finding is something that an administrator should look at. None of it is an error
// of a license server: each has its own store and nobody merges them.
type Finding struct {
	Kind   string   `json:"kind"`   // one of the constants below
	About  string   `json:"about"`  // the hardware id, license id or computer
	Text   string   `json:"text"`   // a sentence: what it is and what it comes from
	Tokens []string `json:"tokens"` // "LS1 LAB-...", sorted
}

// The kinds of findings.
const (
	// TwoCALs is a device with CALs of more than one license server (drills D32, D33:
	// it renewed at another one while its own could not be reached).
	TwoCALs = "two-cals"
	// TwoTemporary is a device with temporary tokens of more than one license server
	// (drill D39).
	TwoTemporary = "two-temporary"
	// ManyCALs is a device with more than one CAL of one license server: it stores nothing,
	// and was given another one at each connection (drill D36).
	ManyCALs = "many-cals"
	// SameID is a license id that a license server has issued to more than one device
	// (drill D37: a backup that is older than what was issued).
	SameID = "same-license-id"
	// ManyDevices is a computer name with more than one hardware id: reimaged, cloned or
	// unable to store anything (drills D36, D38).
	ManyDevices = "many-hardware-ids"
	// NoRow is a token that a license server had issued, and of which the store that it
	// was given back from a backup knows nothing (drill D37).
	NoRow = "without-row"
	// OtherSystem is a built-in token, which is for Professional systems, of a device
	// whose hardware id was made by another one (drill D44: the platform is a claim).
	OtherSystem = "other-system"
)

// Remedy says what an administrator does about findings of the kind.
func Remedy(kind string) string {
	switch kind {
	case TwoCALs, TwoTemporary:
		return "Nothing needs to be done: each of these tokens counts at its own license server until it lapses, and a device goes on with the one that it holds. " +
			"Let the license servers reach each other, so that no device has to ask at another one."
	case SameID, NoRow:
		return "After an old backup: let the license server serve on. A device whose token has no row keeps it until it is near its end and is given another CAL then, " +
			"so have as many CALs free as tokens were issued after the backup; where there are fewer, have the clearinghouse reissue the missing ones by telephone " +
			"(`clearinghouse recover`, with the License Server ID, the purchase and the license ids above). From then on, make backups more often: `licmgr backup`."
	case OtherSystem:
		return "Look at these computers: one that was upgraded to a Professional system is well, as it keeps its hardware id; else it says what it is not. " +
			"No terminal server can prove what a client runs, so that the inventory of the house decides, and a CAL may be owed."
	case ManyCALs:
		return "Let these devices store what they are given; the knob resend_live_row has the license server give them the same CAL again. " +
			"Those that have an end lapse by themselves, the others are got back by telephone (`clearinghouse recover`)."
	case ManyDevices:
		return "Look at these computers: one that was set up anew is well, and its former token lapses by itself; cloned ones need names of their own; " +
			"one that stores nothing takes a token at each start, and needs a store that lasts."
	}
	return ""
}

// Findings looks through the tokens that are out, of any number of license servers.
func Findings(rows []Row) []Finding {
	var out []Row
	for _, r := range rows {
		if r.State == "active" {
			out = append(out, r)
		}
	}
	var found []Finding
	for _, kind := range []struct {
		finding, kind, what string
	}{{TwoCALs, token.CAL.String(), "CALs"}, {TwoTemporary, token.Temporary.String(), "temporary tokens"}} {
		found = append(found, several(out, kind.finding,
			func(r Row) (string, bool) {
				return r.HardwareID.String(), r.Kind == kind.kind && r.HardwareID != hwid.ID{}
			},
			func(r Row) string { return r.Server },
			func(id string, n int) string {
				return fmt.Sprintf("%d license servers have %s of the device %s out; all but the one that it holds lapse by themselves", n, kind.what, id)
			})...)
	}
	found = append(found, hoarders(rows)...)
	found = append(found, several(out, SameID,
		func(r Row) (string, bool) { return r.LicenseID, true },
		func(r Row) string { return r.HardwareID.String() },
		func(id string, n int) string {
			return fmt.Sprintf("%d devices have %s: a license server was restored from a backup older than what it had issued", n, id)
		})...)
	found = append(found, pretenders(out)...)
	return append(found, several(out, ManyDevices,
		func(r Row) (string, bool) { return strings.ToUpper(r.Machine), r.Machine != "" },
		func(r Row) string { return r.HardwareID.String() },
		func(name string, n int) string {
			return fmt.Sprintf("%s has %d hardware ids: it was reimaged, shares its name, or stores nothing", name, n)
		})...)
}

// hoarders are the devices with more than one CAL of one license server, the superseded
// ones with them: they are not in the pool.
func hoarders(rows []Row) []Finding {
	names := map[string]string{}
	found := several(rows, ManyCALs,
		func(r Row) (string, bool) {
			key := r.Server + " " + r.HardwareID.String()
			names[key] = r.Machine
			return key, r.Kind == token.CAL.String() && !r.HardwareID.IsZero() && (r.State == "active" || r.State == "superseded")
		},
		func(r Row) string { return r.LicenseID },
		func(key string, n int) string {
			server, _, _ := strings.Cut(key, " ")
			return fmt.Sprintf("%s has %d CALs of %s: it stores nothing, and was given one at each connection", names[key], n, server)
		})
	for i := range found {
		_, found[i].About, _ = strings.Cut(found[i].About, " ")
	}
	return found
}

// pretenders are the devices with built-in tokens whose own hardware ids say that they
// are no Professional systems.
func pretenders(rows []Row) []Finding {
	var found []Finding
	for _, r := range rows {
		made := licensing.Platform(r.HardwareID.Platform())
		if r.Kind != token.BuiltIn.String() || r.HardwareID.IsZero() || made.IsProfessional() {
			continue
		}
		found = append(found, Finding{
			Kind: OtherSystem, About: r.HardwareID.String(), Tokens: []string{r.Server + " " + r.LicenseID},
			Text: fmt.Sprintf("%s has a built-in token, and a hardware id of the platform %v, which is no Professional system", r.Machine, made),
		})
	}
	return found
}

// Lost looks for the tokens of a license server's former store, rows of which are in
// former, that its present store does not have, or has for another device. What has
// ended at now is lost to nobody.
func Lost(present, former []Row, now time.Time) []Finding {
	type key struct{ server, id string }
	holders := map[key]Row{}
	for _, r := range present {
		holders[key{r.Server, r.LicenseID}] = r
	}
	var found []Finding
	for _, r := range former {
		if r.State != "active" || !r.Expires.IsZero() && now.After(r.Expires) {
			continue
		}
		f := Finding{Kind: NoRow, About: r.LicenseID, Tokens: []string{r.Server + " " + r.LicenseID}}
		holder, ok := holders[key{r.Server, r.LicenseID}]
		switch {
		case !ok:
			f.Text = fmt.Sprintf("%s holds %s %s, of which %s knows nothing since it was restored", r.Machine, r.Kind, r.LicenseID, r.Server)
		case holder.HardwareID != r.HardwareID:
			f.Kind = SameID
			f.Text = fmt.Sprintf("%s holds %s %s, which %s has given to %s since it was restored", r.Machine, r.Kind, r.LicenseID, r.Server, holder.Machine)
		default:
			continue
		}
		found = append(found, f)
	}
	return found
}

// several groups rows by a key and finds the groups with more than one of what is
// counted.
func several(rows []Row, kind string, key func(Row) (string, bool), counted func(Row) string, text func(about string, n int) string) []Finding {
	groups := map[string][]Row{}
	for _, r := range rows {
		if k, ok := key(r); ok {
			groups[k] = append(groups[k], r)
		}
	}
	var found []Finding
	for _, about := range slices.Sorted(maps.Keys(groups)) {
		different := map[string]bool{}
		var tokens []string
		for _, r := range groups[about] {
			different[counted(r)] = true
			tokens = append(tokens, r.Server+" "+r.LicenseID)
		}
		if len(different) > 1 {
			slices.Sort(tokens)
			found = append(found, Finding{Kind: kind, About: about, Text: text(about, len(different)), Tokens: tokens})
		}
	}
	return found
}
