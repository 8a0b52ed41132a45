package eventlog_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/internal/clock"
	"github.com/tslab/tslab/internal/eventlog"
)

// systemTexts are the texts of the terminal server's System log, letter by letter:
// of the licensing white paper, section "System Logs and the Event Viewer", and the
// last of TechNet on event 1028.
func systemTexts() []systemText {
	user := []eventlog.Field{eventlog.F("user", "anna"), eventlog.F("domain", "LAB"), eventlog.F("device", "PC-1")}
	device := []eventlog.Field{eventlog.F("device", "PC-1"), eventlog.F("reason", "no matter")}
	grace := []eventlog.Field{eventlog.F("end", "2003-06-01 09:00"), eventlog.F("days", 90)}
	return []systemText{
		{eventlog.CannotAcquireLicense, 1000, user, []string{"anna", "LAB"}, `Unable to acquire a license for user '%1', domain '%2'.`},
		{eventlog.InvalidLicense, 1003, device, []string{"PC-1"}, `The terminal service client '%1' has provided an invalid license.`},
		{eventlog.CannotIssueLicense, 1004, device, nil, `The terminal server cannot issue a client license.`},
		{eventlog.InternetUserFailed, 1007, nil, nil, `Unable to log in the Internet user as TSInternetUser.  If the problem is not corrected in 20 minutes, delete the account and run Setup again.`},
		{eventlog.GraceExpired, 1008, grace, nil, `The terminal services licensing grace period has expired and the service has not registered with a license server.  A terminal services license server is required for continuous operation.  A terminal server can operate without a license server for 90 days after initial start up.`},
		{eventlog.GraceExpiring, 1009, grace, []string{"2003-06-01 09:00"}, `The terminal services licensing grace period is about to expire on %1 and the service has not registered with a license server.  A terminal services license server is required for continuous operation.  A terminal server can operate without a license server for 90 days after initial start up.`},
		{eventlog.NoLicenseServer, 1010, nil, nil, `The terminal services could not locate a license server. Confirm that all license servers on the network are registered in WINS\DNS, accepting network requests, and the Terminal Services Licensing Service is running.`},
		{eventlog.TemporaryExpired, 1011, device, []string{"PC-1"}, `The terminal services client %1 has been disconnected because its temporary license has expired.`},
		{eventlog.RenewalImpossible, 1028, device, []string{"PC-1"}, `The terminal server client %1 has been disconnected because its license could not be renewed.`},
	}
}

type systemText struct {
	kind    eventlog.Kind
	id      int
	fields  []eventlog.Field
	inserts []string // %1, %2
	text    string
}

// TestSystemLog: every numbered event reads as the documents have it, with its
// inserts, as an error of the source TermService; and there is no other.
func TestSystemLog(t *testing.T) {
	if n := len(eventlog.Numbered(90)); n != len(systemTexts()) {
		t.Errorf("%d numbered events, want %d", n, len(systemTexts()))
	}
	if text := eventlog.Numbered(120)[1008]; !strings.Contains(text, "for 120 days after") {
		t.Errorf("1008 of Windows Server 2003: %s", text)
	}
	for _, test := range systemTexts() {
		var b bytes.Buffer
		l := eventlog.New(&b, "TS1", "termsrv", clock.Fixed(day0), nil)
		l.Event(test.kind, test.fields...)
		events, err := eventlog.Read(&b)
		if err != nil || len(events) != 1 {
			t.Fatalf("%d: %v, %v", test.id, events, err)
		}
		if got := eventlog.Numbered(90)[test.id]; got != test.text {
			t.Errorf("event %d is printed as %q, want %q", test.id, got, test.text)
		}
		want := test.text
		for i, insert := range test.inserts {
			want = strings.ReplaceAll(want, []string{"%1", "%2"}[i], insert)
		}
		e := events[0]
		if diff := cmp.Diff(want, e.Text); diff != "" {
			t.Errorf("event %d (-want +got):\n%s", test.id, diff)
		}
		if e.ID != test.id || e.Severity != eventlog.Error || e.Source() != "TermService" {
			t.Errorf("event %d: id %d, severity %s, source %s", test.id, e.ID, e.Severity, e.Source())
		}
	}
}
