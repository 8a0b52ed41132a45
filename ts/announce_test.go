package ts

import (
	"testing"

	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/wire/tsls"
)

// TestAnnounce: a terminal server is to license servers what it announces, else what it
// is; one that they do not serve takes none of them for a license server (rules L1, V12).
func TestAnnounce(t *testing.T) {
	sp3 := edition.W2KSP3()
	for announce, want := range map[string]string{"": "w2k-sp3", "nt4-tse": "nt4-tse"} {
		s := &Server{admin: &administration{}, config: Config{Announce: announce}}
		s.admin.now.Store(&setup{profile: &sp3})
		if got := s.config.announced(&sp3); got != want {
			t.Errorf("announces %q: %q, want %q", announce, got, want)
		}
		c := &catalog{server: s}
		for _, e := range []string{"w2k-sp3", "ws2003"} {
			if err := c.serves(nil, tsls.ServerInfo{Edition: e}); (err == nil) != (announce == "") {
				t.Errorf("announces %q, to a license server of %s: %v", announce, e, err)
			}
		}
	}
}
