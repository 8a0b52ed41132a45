package report_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/ls/report"
	"github.com/tslab/tslab/wire/hwid"
	"github.com/tslab/tslab/wire/licensing"
	"github.com/tslab/tslab/wire/token"
	"github.com/tslab/tslab/wire/tsls"
)

func at(text string) time.Time {
	t, err := time.Parse(time.DateTime, text)
	if err != nil {
		panic(err)
	}
	return t
}

func row(server, id string, kind token.Kind, device byte, machine, issued string) report.Row {
	return report.Row{Server: server, LicenseInfo: tsls.LicenseInfo{LicenseID: id, Kind: kind.String(), State: "active",
		HardwareID: hwid.ID{device}, Machine: machine, Issued: at(issued)}}
}

// rows are the four types of drill D10, one of them not out any more.
func rows() []report.Row {
	cal := row("LS1", "LAB-1", token.CAL, 1, "PC1", "2003-03-04 09:00:00")
	cal.KeyPackID, cal.User, cal.Expires, cal.Validated = "LAB-P", "DOM\\ann", at("2003-05-20 09:00:00"), true
	temp := row("LS1", "LAB-2", token.Temporary, 2, "PC2", "2003-03-03 23:59:59")
	temp.Expires = at("2003-06-01 23:59:59")
	lapsed := row("LS2", "LAB-3", token.BuiltIn, 3, "PRO\t1\r\n", "2003-03-05 00:00:00")
	lapsed.State = "returned"
	return []report.Row{cal, temp, lapsed, row("LS2", "LAB-4", token.InternetConnector, 0, "TS2", "2003-03-06 10:00:00")}
}

// TestText: a header and a line a token, each with as many tabs.
// proves R139
func TestText(t *testing.T) {
	var b bytes.Buffer
	if err := report.Text(&b, rows()); err != nil {
		t.Fatal(err)
	}
	want := [][]string{report.Header(),
		{"LS1", "LAB-1", "LAB-P", "CAL", "active", "PC1", "DOM\\ann", hwid.ID{1}.String(), "2003-03-04 09:00:00", "2003-05-20 09:00:00", "yes"},
		{"LS1", "LAB-2", "", "temporary", "temporary", "PC2", "", hwid.ID{2}.String(), "2003-03-03 23:59:59", "2003-06-01 23:59:59", "no"},
		{"LS2", "LAB-3", "", "built-in", "returned", "PRO 1  ", "", hwid.ID{3}.String(), "2003-03-05 00:00:00", "never", "no"},
		{"LS2", "LAB-4", "", "Internet Connector", "concurrent", "TS2", "", hwid.ID{}.String(), "2003-03-06 10:00:00", "never", "no"},
	}
	var got [][]string
	for line := range strings.Lines(b.String()) {
		got = append(got, strings.Split(strings.TrimSuffix(line, "\n"), "\t"))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestCSV(t *testing.T) {
	bad := row("LS1", "LAB-1", token.CAL, 1, `=cmd("x"),1`, "2003-03-04 09:00:00")
	var b bytes.Buffer
	if err := report.CSV(&b, []report.Row{bad}); err != nil {
		t.Fatal(err)
	}
	got, err := csv.NewReader(&b).ReadAll()
	if err != nil || len(got) != 2 || !cmp.Equal(got[0], report.Header()) || got[1][5] != `'=cmd("x"),1` {
		t.Errorf("%q, %v", got, err)
	}
}

func TestJSON(t *testing.T) {
	var b bytes.Buffer
	if err := report.JSON(&b, rows()[:2]); err != nil {
		t.Fatal(err)
	}
	var got []map[string]any
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	want := []map[string]any{
		{"license_server": "LS1", "license_id": "LAB-1", "key_pack_id": "LAB-P", "license_type": "CAL", "issue_type": "active", "computer": "PC1",
			"user": "DOM\\ann", "hardware_id": hwid.ID{1}.String(), "issued": "2003-03-04T09:00:00Z", "expires": "2003-05-20T09:00:00Z", "validated": true},
		{"license_server": "LS1", "license_id": "LAB-2", "key_pack_id": "", "license_type": "temporary", "issue_type": "temporary", "computer": "PC2",
			"user": "", "hardware_id": hwid.ID{2}.String(), "issued": "2003-03-03T23:59:59Z", "expires": "2003-06-01T23:59:59Z", "validated": false},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	b.Reset()
	if err := report.JSON(&b, nil); err != nil || b.String() != "[]\n" {
		t.Errorf("nothing: %q, %v", b.String(), err)
	}
}

// TestFilter: whole days, by the date of issue.
// proves R141, R142
func TestFilter(t *testing.T) {
	day := func(text string) time.Time { return at(text + " 00:00:00") }
	for _, tt := range []struct {
		name   string
		filter report.Filter
		want   string
	}{
		{"all", report.Filter{}, "LAB-1 LAB-2 LAB-3 LAB-4"},
		{"temporary", report.Filter{TemporaryOnly: true}, "LAB-2"},
		{"from its first second", report.Filter{First: day("2003-03-05")}, "LAB-3 LAB-4"},
		{"to its last second", report.Filter{Last: day("2003-03-03")}, "LAB-2"},
		{"one day", report.Filter{First: day("2003-03-04"), Last: day("2003-03-04")}, "LAB-1"},
		{"both", report.Filter{First: day("2003-03-04"), TemporaryOnly: true}, ""},
	} {
		var got []string
		for _, r := range tt.filter.Apply(rows()) {
			got = append(got, r.LicenseID)
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s: %v, want %s", tt.name, got, tt.want)
		}
	}
}

func TestFindings(t *testing.T) {
	day := "2003-03-03 09:00:00"
	lapsed := row("LS2", "LAB-9", token.CAL, 5, "PC5", day)
	lapsed.State = "expired"
	superseded := row("LS1", "LAB-G", token.CAL, 11, "THIN2", day)
	superseded.State = "superseded"
	pretends, upgraded := row("LS1", "LAB-E", token.BuiltIn, 9, "WIN98", day), row("LS1", "LAB-F", token.BuiltIn, 10, "PRO", day)
	pretends.HardwareID, upgraded.HardwareID = hwid.New(uint32(licensing.OSOther), [16]byte{9}), hwid.New(uint32(licensing.OSNT5), [16]byte{10})
	got := report.Findings([]report.Row{
		row("LS1", "LAB-1", token.CAL, 1, "PC1", day), row("LS2", "LAB-2", token.CAL, 1, "PC1", day), // two CALs
		row("LS1", "LAB-3", token.Temporary, 2, "PC2", day), row("LS2", "LAB-4", token.Temporary, 2, "PC2", day), // two temporary
		row("LS1", "LAB-5", token.CAL, 3, "PC3", day), row("LS1", "LAB-5", token.CAL, 4, "PC4", day), // one id
		row("LS1", "LAB-6", token.Temporary, 6, "thin", day), row("LS1", "LAB-7", token.Temporary, 7, "THIN", day), // one name
		row("LS1", "LAB-8", token.CAL, 5, "PC5", day), lapsed, // one has lapsed
		row("LS1", "LAB-A", token.Temporary, 8, "PC8", day), row("LS1", "LAB-B", token.CAL, 8, "PC8", day), // as it should be
		row("LS1", "LAB-C", token.InternetConnector, 0, "TS1", day), row("LS2", "LAB-D", token.InternetConnector, 0, "TS2", day),
		pretends, upgraded,
		superseded, row("LS1", "LAB-H", token.CAL, 11, "THIN2", day), // stores nothing
	})
	type brief struct{ Kind, About, Tokens string }
	var briefs []brief
	for _, f := range got {
		briefs = append(briefs, brief{f.Kind, f.About, strings.Join(f.Tokens, ", ")})
		if f.Text == "" {
			t.Errorf("%+v says nothing", f)
		}
	}
	want := []brief{
		{report.TwoCALs, hwid.ID{1}.String(), "LS1 LAB-1, LS2 LAB-2"},
		{report.TwoTemporary, hwid.ID{2}.String(), "LS1 LAB-3, LS2 LAB-4"},
		{report.ManyCALs, hwid.ID{11}.String(), "LS1 LAB-G, LS1 LAB-H"},
		{report.SameID, "LAB-5", "LS1 LAB-5, LS1 LAB-5"},
		{report.OtherSystem, pretends.HardwareID.String(), "LS1 LAB-E"},
		{report.ManyDevices, "THIN", "LS1 LAB-6, LS1 LAB-7"},
	}
	if diff := cmp.Diff(want, briefs); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// TestLost: of a store that a backup has taken the place of, the tokens are told that it
// does not know any more and those that somebody else has been given since (drill D37).
func TestLost(t *testing.T) {
	now := at("2003-03-15 09:00:00")
	cal := func(server, id string, device byte, machine string) report.Row {
		r := row(server, id, token.CAL, device, machine, "2003-03-12 09:00:00")
		r.Expires = at("2003-05-20 09:00:00")
		return r
	}
	over, closed := cal("LS1", "LAB-8", 8, "PC8"), cal("LS1", "LAB-9", 9, "PC9")
	over.Expires, closed.State = at("2003-03-14 09:00:00"), "closed"
	former := []report.Row{cal("LS1", "LAB-1", 1, "PC1"), cal("LS1", "LAB-2", 2, "PC2"), cal("LS1", "LAB-3", 3, "PC3"), over, closed}
	present := []report.Row{cal("LS1", "LAB-1", 1, "PC1"), cal("LS1", "LAB-2", 7, "NEW"), cal("LS2", "LAB-3", 3, "PC3")}
	want := []report.Finding{
		{Kind: report.SameID, About: "LAB-2", Text: "PC2 holds CAL LAB-2, which LS1 has given to NEW since it was restored", Tokens: []string{"LS1 LAB-2"}},
		{Kind: report.NoRow, About: "LAB-3", Text: "PC3 holds CAL LAB-3, of which LS1 knows nothing since it was restored", Tokens: []string{"LS1 LAB-3"}},
	}
	if diff := cmp.Diff(want, report.Lost(present, former, now)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := report.Lost(present, nil, now); got != nil {
		t.Errorf("without a former store: %v", got)
	}
	if report.Remedy(report.NoRow) != report.Remedy(report.SameID) || !strings.Contains(report.Remedy(report.NoRow), "clearinghouse recover") {
		t.Error(report.Remedy(report.NoRow))
	}
}
