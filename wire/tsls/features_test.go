package tsls

import (
	"testing"

	"github.com/tslab/tslab/internal/edition"
)

// TestAnnounced: Windows 2000 as it was shipped knows neither marks nor expiry; what two
// of different editions do together is what both announce.
func TestAnnounced(t *testing.T) {
	for e, want := range map[edition.Edition]string{edition.RTM: "", edition.SP3: "mark,expiry", edition.Server2003: "mark,expiry"} {
		if got := Announced(e).String(); got != want {
			t.Errorf("%s announces %q, want %q", e, got, want)
		}
	}
	if both := Announced(edition.RTM) & Announced(edition.SP3); both != 0 {
		t.Errorf("a mixed pair does %s together", both)
	}
}
