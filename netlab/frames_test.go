//go:build linux

package netlab

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/netlab/capture"
)

// Who is told that an expectation was not met is told which messages to look at, and not
// those of other expectations.
func TestMessagesToLookAt(t *testing.T) {
	at := func(second int) time.Time { return time.Unix(int64(second), 0) }
	var told []capture.Message
	for i, m := range []struct{ protocol, name string }{
		{"rdpele", "LICENSE_REQUEST"}, {"tsls", "Ping"}, {"tsls", "Allocate"}, {"locate", "Query"}, {"rdpele", "NEW_LICENSE"},
		{"rdpele", "A"}, {"rdpele", "B"}, {"rdpele", "C"}, {"rdpele", "D"}, {"rdpele", "E"}, {"rdpele", "F"}, {"rdpele", "G"},
	} {
		told = append(told, capture.Message{Protocol: m.protocol, Name: m.name, Frame: 10 + i, Time: at(i)})
	}
	x := func(met bool, since, until int) Expectation {
		return Expectation{Text: "x", Want: "1", Got: "2", Met: met, FirstFrame: 9, LastFrame: 30, since: at(since), at: at(until)}
	}
	r := Record{Expectations: []Expectation{x(false, 0, 4), x(true, 0, 4), x(false, 1, 1), x(false, 4, 11)}}
	r.pointOut(told)
	var got []string
	for _, x := range r.Expectations {
		got = append(got, x.pointers())
	}
	want := []string{
		"; licensing messages: LICENSE_REQUEST in 10, Allocate in 12, NEW_LICENSE in 14", "", "",
		"; licensing messages: B in 16, C in 17, D in 18, E in 19, F in 20, G in 21",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if got, want := r.Expectations[0].Why(), fmt.Sprintf("x: want 1, got 2; see frames 9 to 30, what was sent since the expectation before%s", want[0]); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
