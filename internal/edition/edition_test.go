package edition

import (
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNames(t *testing.T) {
	for _, e := range All() {
		p, err := Parse(e.String())
		if err != nil || p.Edition != e {
			t.Errorf("Parse(%s) = %s, %v", e, p.Edition, err)
		}
	}
	if p, err := Parse("w2k"); err != nil || p.Edition != RTM {
		t.Errorf("Parse(w2k) = %s, %v", p.Edition, err)
	}
	want := `edition "nt4" is not known; it is one of w2k-rtm, w2k-sp3, ws2003`
	if _, err := Parse("nt4"); err == nil || err.Error() != want {
		t.Errorf("Parse(nt4): %v, want %s", err, want)
	}
	if got := RTM.Letter() + SP3.Letter() + Server2003.Letter() + Edition(0).Letter(); got != "RHN?" {
		t.Errorf("letters %s", got)
	}
	if got := Edition(9).String(); got != "edition(9)" {
		t.Errorf("Edition(9) = %s", got)
	}
	if major, minor := Server2003.Version(); major != 5 || minor != 2 {
		t.Errorf("version of ws2003: %d.%d", major, minor)
	}
}

// TestDefaultsReadBack: what the table says is what a profile says, knob by knob,
// and every field of a profile has a knob.
func TestDefaultsReadBack(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range Knobs() {
		if seen[k.Name] {
			t.Errorf("knob %s stands twice", k.Name)
		}
		seen[k.Name] = true
		if k.Meaning == "" || k.Values == "" || !strings.HasPrefix(k.By, "S") && !strings.HasPrefix(k.By, "P") && !strings.HasPrefix(k.By, "policy") {
			t.Errorf("knob %s: meaning %q, values %q, by %q", k.Name, k.Meaning, k.Values, k.By)
		}
		for _, e := range All() {
			p := Of(e)
			if got := p.Get(k.Name); got != k.Default(e) {
				t.Errorf("%s of %s = %q, want %q", k.Name, e, got, k.Default(e))
			}
			if k.Default(e) == "-" {
				continue
			}
			if err := p.Set(k.Name, k.Default(e)); err != nil {
				t.Errorf("setting the default: %v", err)
			}
			if diff := cmp.Diff(Of(e), p); diff != "" {
				t.Errorf("%s of %s set to its default changes (-want +got):\n%s", k.Name, e, diff)
			}
		}
	}
	if fields := reflect.TypeFor[Profile]().NumField() - 1; fields != len(seen) {
		t.Errorf("%d fields and %d knobs", fields, len(seen))
	}
}

// TestEditionsDiffer pins what the seed documents say of each edition.
func TestEditionsDiffer(t *testing.T) {
	for _, test := range []struct{ knob, rtm, sp3, net string }{
		{"grace_days", "90", "90", "120"},
		{"grace_end", "first_ls_contact", "first_ls_contact", "first_permanent_cal"},
		{"first_issue", "cal", "temp", "temp"},
		{"cal_life_days", "unlimited", "52..89", "52..89"},
		{"renew_window_days", "-", "7", "7"},
		{"temp_days", "90", "90", "90"},
		{"auto_return", "no", "yes", "yes"},
		{"builtin_pool", "on", "on", "off"},
		{"ic_limit", "200", "200", "200"},
		{"verify_min", "120", "120", "120"},
		{"retry_min", "15", "15", "15"},
		{"connection_methods", "internet, web, phone, fax", "internet, web, phone, fax", "automatic, web, phone"},
		{"serves_ts", "w2k-rtm, w2k-sp3", "w2k-rtm, w2k-sp3", "w2k-rtm, w2k-sp3, ws2003"},
		{"max_step", "2d", "2d", "2d"},
	} {
		for i, e := range All() {
			p := Of(e)
			if got, want := p.Get(test.knob), []string{test.rtm, test.sp3, test.net}[i]; got != want {
				t.Errorf("%s of %s = %q, want %q", test.knob, e, got, want)
			}
		}
	}
}

func TestSet(t *testing.T) {
	for _, test := range []struct {
		edition     Edition
		knob, value string
		want        string // "" : read back as value; "= x": read back as x; else the error
	}{
		{SP3, "cal_life_days", "60", ""},
		{SP3, "cal_life_days", "55..60", ""},
		{SP3, "cal_life_days", "60..60", "= 60"},
		{SP3, "cal_life_days", "unlimited", ""},
		{SP3, "cal_life_days", "89..52", `knob cal_life_days cannot be "89..52"; it is unlimited, 52..89, a number (life of a CAL`},
		{SP3, "cal_life_days", "0", "cannot be"},
		{SP3, "builtin_expiry", "none", ""},
		{SP3, "builtin_expiry", "90", ""},
		{SP3, "default_ls_empty", "temp", ""},
		{SP3, "default_ls_empty", "Temp", "it is deny, temp ("},
		{SP3, "temps_per_hwid", "0", ""},
		{SP3, "temps_per_hwid", "2", "it is 1, 0 ("},
		{SP3, "grace_days", "5", ""},
		{SP3, "grace_days", "-1", "it is a number ("},
		{SP3, "grace_days", "many", "it is a number ("},
		{SP3, "resend_live_row", "off", ""},
		{SP3, "resend_live_row", "no", "it is off, on ("},
		{SP3, "max_step", "36h", ""},
		{SP3, "max_step", "90m", "= 1h30m"},
		{SP3, "max_step", "10d", ""},
		{SP3, "max_step", "0", "it is a duration such as 2d, 36h or 15m"},
		{SP3, "max_step", "xd", "it is a duration"},
		{SP3, "serves_ts", "w2k-sp3", ""},
		{SP3, "serves_ts", "w2k-sp3,ws2003", "= w2k-sp3, ws2003"},
		{SP3, "serves_ts", "nt4-tse", "it is a list of w2k-rtm, w2k-sp3, ws2003"},
		{SP3, "override", "LicenseServers", ""},
		{SP3, "override", "Preferred", "it is DefaultLicenseServer, LicenseServers"},
		{SP3, "mode_invalid", "device", "knob mode_invalid does not apply to w2k-sp3"},
		{Server2003, "mode_invalid", "device", ""},
		{SP3, "grace_day", "1", `knob "grace_day" is not known; near it are grace_days, grace_start`},
		{SP3, "xyzzy", "1", "`tslab editions` lists them all"},
	} {
		p := Of(test.edition)
		err := p.Set(test.knob, test.value)
		want, readBack := test.value, test.want == ""
		if v, ok := strings.CutPrefix(test.want, "= "); ok {
			want, readBack = v, true
		}
		switch {
		case readBack && err != nil:
			t.Error(err)
		case readBack && p.Get(test.knob) != want:
			t.Errorf("%s=%s reads back as %s", test.knob, test.value, p.Get(test.knob))
		case !readBack && (err == nil || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%s=%s: %v, want an error with %q", test.knob, test.value, err, test.want)
		case !readBack && !cmp.Equal(p, Of(test.edition)):
			t.Errorf("%s=%s is refused and changes the profile", test.knob, test.value)
		}
	}
}

// TestEveryListedValueCanBeSet: the values that a knob names are those it takes.
func TestEveryListedValueCanBeSet(t *testing.T) {
	for _, k := range Knobs() {
		if strings.HasPrefix(k.Values, "a ") {
			continue
		}
		for _, e := range All() {
			for v := range strings.SplitSeq(k.Values, ", ") {
				p := Of(e)
				if k.Default(e) == "-" || v == "a number" {
					continue
				}
				if err := p.Set(k.Name, v); err != nil || p.Get(k.Name) != v {
					t.Errorf("%s=%s in %s: %v, reads back as %s", k.Name, v, e, err, p.Get(k.Name))
				}
			}
		}
	}
}

func TestSetAll(t *testing.T) {
	p := W2KSP3()
	if err := p.SetAll([]string{"temp_days=30", " grace_days = 10 "}); err != nil || p.TempDays != 30 || p.GraceDays != 10 {
		t.Errorf("SetAll: %v, %d, %d", err, p.TempDays, p.GraceDays)
	}
	for _, list := range [][]string{{"serves_ts=w2k-rtm,ws2003,temp_days=9"}, {"serves_ts=w2k-rtm", "ws2003", "temp_days=9"}} {
		if err := p.SetAll(list); err != nil || p.Get("serves_ts") != "w2k-rtm, ws2003" || p.TempDays != 9 {
			t.Errorf("SetAll(%q): %v, %q, %d", list, err, p.Get("serves_ts"), p.TempDays)
		}
	}
	before := p
	for _, bad := range []string{"temp_days", "temp_days=x", "=1", "grace_days=3,temp_days=x", "temp_days=3,4", ""} {
		if err := p.SetAll([]string{bad}); err == nil || !cmp.Equal(before, p) {
			t.Errorf("SetAll(%q): %v", bad, err)
		}
	}
	if got := p.Get("no such"); got != "" {
		t.Errorf("Get of no knob = %q", got)
	}
}

// TestReaders: a program takes the knobs that it reads, and says of the others where
// they belong.
func TestReaders(t *testing.T) {
	programs := map[Readers]string{TerminalServer: "start termsrv", LicenseServer: "start lserver", Tool: "give licmgr", Calendar: "`tslab serve --set"}
	for _, k := range Knobs() {
		if k.Readers == 0 || k.Readers.String() == "" {
			t.Errorf("knob %s is read by nobody", k.Name)
		}
		p := Of(Server2003)
		if k.Default(Server2003) == "-" {
			p = Of(SP3)
		}
		setting := k.Name + "=" + p.Get(k.Name)
		for program := range programs {
			err := p.SetFor(program, []string{setting})
			if k.Readers&program != 0 {
				if err != nil {
					t.Error(err)
				}
				continue
			}
			told := false
			for owner, where := range programs {
				told = told || k.Readers&owner != 0 && err != nil && strings.Contains(err.Error(), where) && strings.Contains(err.Error(), setting)
			}
			if !told {
				t.Errorf("%s in %s: %v", setting, program, err)
			}
		}
	}
	if got := (TerminalServer | Tool).String(); got != "termsrv, licmgr" {
		t.Errorf("readers: %q", got)
	}
}

// TestProfilesShareNothing: changing a copy leaves the original.
func TestProfilesShareNothing(t *testing.T) {
	p := WS2003()
	q := p
	if err := q.Set("serves_ts", "ws2003"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(WS2003(), p); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
