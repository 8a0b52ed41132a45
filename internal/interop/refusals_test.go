package interop

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
)

// refusalNames are the reasons of MS-RDPBCGR 2.2.5.1.1, from 0x100 on.
func refusalNames() []string {
	return []string{
		"internal", "no-license-server", "no-license", "bad-message", "hardware-id", "bad-license",
		"cant-finish", "client-ended", "bad-encryption", "cant-upgrade", "no-remote-connections",
	}
}

// TestRefusals refuses every client for every reason, and holds what a person in front
// of it learns: its exit status and its words. With the licensing alert alone the
// reasons look alike; with Set Error Info the clients tell them apart.
func TestRefusals(t *testing.T) {
	reasons := refusalNames()
	if !*full {
		reasons = []string{"no-license-server", "hardware-id"}
	}
	var mu sync.Mutex
	all := &results{}
	t.Cleanup(func() { all.print(t) })
	for place, reason := range reasons {
		t.Run(reason, func(t *testing.T) {
			t.Parallel()
			number := slices.Index(refusalNames(), reason)
			for _, way := range []string{"alert", "errorinfo"} {
				s, addr := startForm(t, "128", "--key-bits 1024 --behavior "+way+" --behavior refuse="+reason)
				display := startDisplay(t)
				for _, name := range []string{"rdesktop", "xfreerdp", "tsclient"} {
					c := clientAt(t.TempDir(), cell{name, "128"}, display.Name, addr)
					got := s.attempt(t, c, display, true)
					messages, end, _ := strings.Cut(got, ": refused: ")
					_, status, _ := strings.Cut(end, ", exit status ")
					got = messages + ", exit status " + status
					if want := refusedHow(name, way, number); got != want {
						t.Errorf("%s, %s: got  %s\nwant %s", name, way, got, want)
					}
					mu.Lock()
					all.rows = append(all.rows, row{place, [4]string{name, way, fmt.Sprintf("%#x %s", 0x100+number, reason), got}})
					mu.Unlock()
				}
				s.Stop()
			}
		})
	}
}

// refusedHow is what a client shows that is refused for the reason with the number.
// Of Set Error Info, rdesktop's exit status is 16 and the number. FreeRDP means to do
// the same and subtracts where it should add, so that its exit status is 240 and the
// number.
func refusedHow(client, way string, number int) string {
	const once = "01 13 02 15 FF"
	switch {
	case way == "alert" && client == "xfreerdp": // tries once more
		return once + " / " + once + refusedStatus[client]
	case way == "alert" || client == "tsclient":
		return once + refusedStatus[client]
	case client == "rdesktop":
		return fmt.Sprintf("%s, exit status %d", once, 16+number)
	}
	return fmt.Sprintf("%s, exit status %d", once, 240+number)
}
