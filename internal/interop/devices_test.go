package interop

import (
	"context"
	"slices"
	"testing"
)

// TestDevices are devices that real clients make and license servers must live with:
// two with one hardware id, one that stores nothing, and one that is no Windows.
//
// proves R165, R167, R168, R169
func TestDevices(t *testing.T) {
	t.Run("one hardware id", twoOfOneName)
	t.Run("stores nothing", storesNothing)
	t.Run("Macintosh", macintosh)
}

// twoOfOneName: rdesktop and FreeRDP make the hardware id out of the host name, so two
// machines of one name are one device. The second is sent the first one's CAL; no
// second one is used up.
func twoOfOneName(t *testing.T) {
	t.Parallel()
	f, display := startFarm(t, "any"), startDisplay(t)
	for _, name := range []string{"rdesktop", "xfreerdp"} {
		c := cell{name, "128"}
		home := t.TempDir()
		for i, want := range []string{gotTemporary, gotCAL} {
			if got := f.attempt(t, clientAt(home, c, display.Name, f.Addr), display, false); got != want {
				t.Errorf("%s, connection %d: got  %s\nwant %s", name, i+1, got, want)
			}
		}
		const again = "01 13 02 15 03: CAL pushed, session"
		if got := f.attempt(t, clientAt(t.TempDir(), c, display.Name, f.Addr), display, false); got != again {
			t.Errorf("%s, another machine of that name: got  %s\nwant %s", name, got, again)
		}
	}
	wantTokens(t, f, "temporary", "CAL", "temporary", "CAL") // rdesktop and FreeRDP make different ids of one name
}

// storesNothing: xfreerdp /old-license neither stores a license nor shows one, and has
// one hardware id wherever it runs. It is sent its one temporary token again and again:
// only who shows one is sent a CAL for it.
func storesNothing(t *testing.T) {
	t.Parallel()
	f, display := startFarm(t, "128"), startDisplay(t)
	for i := range 3 {
		c := clientAt(t.TempDir(), cell{"xfreerdp", "128"}, display.Name, f.Addr)
		c.args = append(c.args, "/old-license")
		if got := f.attempt(t, c, display, false); got != gotTemporary {
			t.Errorf("connection %d: got  %s\nwant %s", i+1, got, gotTemporary)
		}
	}
	wantTokens(t, f, "temporary")
}

// wantTokens compares the kinds of the license server's tokens, in their
// order: a CAL leaves the temporary token that it was earned with behind.
func wantTokens(t *testing.T, f *farm, want ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), stepBound)
	defer cancel()
	shown, err := f.Show(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, token := range shown.Tokens {
		got = append(got, token.Kind)
	}
	if !slices.Equal(got, want) {
		t.Errorf("the license server has %v, want %v", got, want)
	}
}
