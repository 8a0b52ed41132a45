package onebox_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/tslab/tslab/client"
)

// TestTwoHundredSessions: an Internet Connector license covers 200 sessions at a
// time, by the edition's own number. The 201st is refused; when one leaves, the next
// is admitted.
//
// proves R31, R124
func TestTwoHundredSessions(t *testing.T) {
	t.Parallel()
	l := start(t, t.TempDir(), withConnectors(1, "200"))
	if got := l.ic(t, "enable", false); got != "ok I1" {
		t.Fatalf("enable: %s", got)
	}
	var sessions []*client.Session
	for n := range 200 {
		s, err := client.Connect(t.Context(), l.device(t, fmt.Sprintf("PC-%d", n)))
		if err != nil {
			t.Fatalf("session %d: %v", n+1, err)
		}
		sessions = append(sessions, s)
	}
	_, err := client.Connect(t.Context(), l.device(t, "PC-200"))
	var refused *client.RefusedError
	if !errors.As(err, &refused) {
		t.Errorf("session 201: %v, want a refusal", err)
	}
	l.await(t, "session.started", 200)
	if err := sessions[0].Close(); err != nil {
		t.Error(err)
	}
	l.await(t, "session.ended", 1)
	s, err := client.Connect(t.Context(), l.device(t, "PC-200"))
	if err != nil {
		t.Fatalf("session 200 again: %v", err)
	}
	for _, s := range append(sessions[1:], s) {
		s.Close()
	}
}
