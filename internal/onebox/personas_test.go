package onebox_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/client"
	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/internal/onebox"
	"github.com/tslab/tslab/wire/licensing"
)

// TestPersonas lets every kind of device connect three times: Windows 2000 gives its
// own successors a license of their own, and every other device has to earn a CAL.
// Windows Server 2003 knows no built-in licenses.
//
// proves R21, R22, R165, R166
func TestPersonas(t *testing.T) {
	earned, builtIn := []string{"temporary", "CAL", "nothing"}, []string{"built-in", "nothing", "nothing"}
	w2k := map[string][]string{
		"9x": earned, "me": earned, "nt4": earned, "xp-home": earned, "ce": earned, "mac": earned,
		"w2k-pro": builtIn, "xp-pro": builtIn,
	}
	for _, profile := range []edition.Profile{edition.W2KSP3(), edition.WS2003()} {
		l := start(t, t.TempDir(), func(c *onebox.Config) { c.Profile = profile })
		for _, p := range client.Personas() {
			t.Run(profile.Edition.String()+" "+p.Name, func(t *testing.T) {
				want, ok := w2k[p.Name]
				if !ok {
					t.Fatal("no expectation for a new persona")
				}
				if profile.Edition == edition.Server2003 {
					want = earned
				}
				store, err := client.OpenStore(p, t.TempDir())
				if err != nil {
					t.Fatal(err)
				}
				c := &client.Config{Server: l.Addr().String(), Persona: p, Store: store, Name: "PC-" + p.Name, User: "lab", Password: "lab"}
				var got []string
				for range want {
					got = append(got, connect(t, c))
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("-want +got\n%s", diff)
				}
				id, _ := store.HardwareID()
				if id.Platform() != uint32(p.Platform) {
					t.Errorf("hardware id of platform %#x, want %#x", id.Platform(), uint32(p.Platform))
				}
			})
		}
	}
}

// TestPlatforms holds what the personas say of themselves against MS-RDPELE 2.2.2.2 and
// 2.2.2.5.1, and that none is taken for another.
func TestPlatforms(t *testing.T) {
	type said struct {
		platform licensing.Platform
		kind     licensing.ClientType
	}
	want := map[string]said{
		"9x":      {0xFF0108AE, licensing.ClientWin32},
		"me":      {0xFF010BB8, licensing.ClientWin32},
		"nt4":     {0x02010565, licensing.ClientWin32},
		"w2k-pro": {0x03010893, licensing.ClientWin32},
		"xp-pro":  {0x03010A28, licensing.ClientWin32},
		"xp-home": {0x03018A28, licensing.ClientWin32},
		"ce":      {0xFF01012C, licensing.ClientWinCE},
		"mac":     {0x4D010001, licensing.ClientOther},
	}
	got := map[string]said{}
	seen := map[licensing.Platform]string{}
	for _, p := range client.Personas() {
		got[p.Name] = said{p.Platform, p.ClientType}
		if other := seen[p.Platform]; other != "" {
			t.Errorf("%s and %s say the same of themselves", p.Name, other)
		}
		seen[p.Platform] = p.Name
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(said{})); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
