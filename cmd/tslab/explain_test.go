package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/internal/cli"
)

// explained runs the command as a shell would.
func explained(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = cli.Run(t.Context(), command(), append([]string{"tslab"}, args...), &out, &errs)
	return code, out.String(), errs.String()
}

func TestExplain(t *testing.T) {
	for _, test := range []struct {
		args string
		want []string
	}{
		{"explain --edition ws2003 --token temp-expired --os oth --ls down", []string{
			"M31  allow wire=OKV\n    if       grace=not-started,run\n",
			"M32  deny event=1011 wire=NOLS\n    if       grace=overdue,end\n",
			"event    1011: The terminal services client %1 has been disconnected",
			"Set Error Info 0x101 (257)",
		}},
		{"explain --token none --os oth --ls up --row none --activated y", []string{"M46  allow push=temp mark wire=NEW", "L6 TEMP-new", "by       S 002"}},
		{"explain --set first_issue=cal --token none --os oth --ls up --row none --free y", []string{"M43a  allow push=cal wire=NEW"}},
		{"explain --operation enable --ls down", []string{"I3  refuse"}},
		{"explain 0x102", []string{"NOLIC (answer on the wire)", "M42"}},
		{"explain 0x103 266 PROTO NEW_LICENSE T8 1028", []string{"BAD_CLIENT_MSG", "NO_REMOTE_CONNECTIONS", "ERR_INVALID_MAC", "Responded -> Completed", "newer product version", "its license could not be renewed"}},
		{"explain 1000 1003", []string{"user '%1', domain '%2'.", "client '%1' has provided"}},
		{"explain 1003", []string{"when: the client shows a license that is corrupt", `remedy: on the client, delete the key HKEY_LOCAL_MACHINE\Software\Microsoft\MSLicensing\HardwareID`}},
		{"explain 0x101", []string{"mstsc: The remote session was disconnected because there are no Terminal Server License Servers available", "rdesktop: No license server available; exit status 17. xfreerdp 2.11: exit status 241"}},
		{"explain defaultlicenseserver HardwareID", []string{"DefaultLicenseServer (registry)", `HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\TermService\Parameters`, "`tscc registry` shows it", "`tsclient wipe --hardware-id`"}},
		{"explain 2056", []string{"LicensingNegotFailed", "tslab events"}},
		{"explain 1008", []string{"without a license server for 90 days after"}},
		{"explain --edition ws2003 1008", []string{"without a license server for 120 days after"}},
		{"explain 1011", []string{"1011 (event)", "its temporary license has expired", "M29"}},
		{"explain C21 temps_per_hwid", []string{"C21 (conflict)", "temps_per_hwid (knob)", "w2k-sp3: 1"}},
		{"explain 1010", []string{"could not locate a license server", "  V6    A pass that finds none writes event 1010 and waits retry_min.\n"}},
		{"explain stranger_cal", []string{"tslab serve sets none by itself"}},
		{"serve --help", []string{"One knob is off its default, stranger_cal=none"}},
		{"editions --help", []string{"stranger_cal=none"}},
		{"explain grace_token builtin_pool", []string{"    read by termsrv\n", "    read by termsrv, lserver\n"}},
		{"explain --set serves_ts=w2k-rtm,w2k-sp3,temp_days=3 --duty serve --asker ws2003", []string{"L1a  DENY-served"}},
		{"editions", []string{"  w2k-rtm                    w2k-sp3                    ws2003\n",
			"grace_days: length of the licensing grace period\n  90                         90                         120\n"}},
	} {
		code, out, errs := explained(t, strings.Fields(test.args)...)
		if code != 0 || errs != "" {
			t.Errorf("%s: exit code %d, %s", test.args, code, errs)
		}
		for _, want := range test.want {
			if !strings.Contains(out, want) {
				t.Errorf("%s: no %q in\n%s", test.args, want, out)
			}
		}
	}
}

// TestEditionsFit: the table fits 80 columns.
func TestEditionsFit(t *testing.T) {
	_, out, _ := explained(t, "editions")
	for line := range strings.Lines(out) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

func TestExplainErrors(t *testing.T) {
	for args, want := range map[string]string{
		"explain":                                     "say a WORD, or what is given",
		"explain M99":                                 `"M99" is not known; it may be a rule (M46)`,
		"explain --token gold":                        `token cannot be "gold"; it is none, corrupt`,
		"serve --set ie_esc=on --edition ws2003":      "give licmgr --set ie_esc=on",
		"explain --edition nt4":                       `edition "nt4" is not known`,
		"explain --set a=b --token x":                 `knob "a" is not known`,
		"explain --edition w2k-rtm --token perm-near": "cannot be in w2k-rtm",
		"editions now":                                "unexpected argument",
	} {
		code, _, errs := explained(t, strings.Fields(args)...)
		if code != cli.CodeUsage || !strings.Contains(errs, want) {
			t.Errorf("%s: exit code %d, %q, want %d and %q", args, code, errs, cli.CodeUsage, want)
		}
	}
}

func TestExplainJSON(t *testing.T) {
	_, out, _ := explained(t, "explain", "--json", "--token", "none", "--os", "oth", "--grace", "overdue", "--ls", "down", "--default-ls", "n")
	var got []ending
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	want := []ending{{
		Rule: "M38", Passed: []string{"G8", "G9"}, Then: "deny event=1004+ wire=NOLS",
		Text: "No license server answers, and the client has nothing.", By: "S 002, discovery restarts; 1010 by V6",
		Events: []int{1008, 1004, 1000}, Combinations: 1,
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	_, out, _ = explained(t, "explain", "--json", "NOLS")
	var topics []topicRow
	if err := json.Unmarshal([]byte(out), &topics); err != nil || len(topics) != 1 || topics[0].Name != "NOLS" {
		t.Errorf("%v, %s", err, out)
	}
	_, out, _ = explained(t, "editions", "--json")
	var rows []editionRow
	if err := json.Unmarshal([]byte(out), &rows); err != nil || len(rows) < 50 || rows[0].Defaults["ws2003"] != "120" {
		t.Errorf("%v, %d knobs", err, len(rows))
	}
}
