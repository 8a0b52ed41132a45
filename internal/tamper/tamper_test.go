package tamper

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func named(s string) func() string { return func() string { return s } }

// pass sends messages of that name through the table and returns, for each, how many
// went on.
func pass(t *Table, way Way, name string, count int) (times []int) {
	for range count {
		times = append(times, len(t.Pass(way, named(name), []byte{1, 2, 3, 4}, 1)))
	}
	return times
}

func TestNthAndNoOther(t *testing.T) {
	for _, tt := range []struct {
		name string
		rule Rule
		want []int // of five messages
	}{
		{"the second", Rule{Act: Drop, Nth: 2, Times: 1}, []int{1, 0, 1, 1, 1}},
		{"from the fourth on", Rule{Act: Drop, Nth: 4}, []int{1, 1, 1, 0, 0}},
		{"the first two", Rule{Act: Duplicate, Times: 2}, []int{2, 2, 1, 1, 1}},
		{"copies", Rule{Act: Duplicate, Nth: 5, Copies: 3}, []int{1, 1, 1, 1, 4}},
		{"the other way", Rule{Act: Drop, Way: Sent}, []int{1, 1, 1, 1, 1}},
		{"this way", Rule{Act: Drop, Way: Received}, []int{0, 0, 0, 0, 0}},
	} {
		table := &Table{}
		tt.rule.Name, tt.rule.Message = "x", "Hello"
		if err := table.Set([]Rule{tt.rule}); err != nil {
			t.Fatal(err)
		}
		if got := pass(table, Received, "Goodbye", 3); !slices.Equal(got, []int{1, 1, 1}) {
			t.Errorf("%s: another message: %v", tt.name, got)
		}
		if got := pass(table, Received, "Hello", 5); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestNothingToDo(t *testing.T) {
	called := false
	name := func() string { called = true; return "Hello" }
	for _, table := range []*Table{nil, {}} {
		if got := table.Pass(Sent, name, []byte("x"), 0); len(got) != 1 || string(got[0]) != "x" || called {
			t.Errorf("%q, asked for the name: %v", got, called)
		}
	}
}

func TestCorruptKeepsTheType(t *testing.T) {
	table := &Table{}
	if err := table.Set([]Rule{{Name: "x", Act: Corrupt, Message: "Hello"}}); err != nil {
		t.Fatal(err)
	}
	message := []byte{7, 0, 0, 0}
	for range 100 {
		got := table.Pass(Sent, named("Hello"), message, 1)[0]
		changed := 0
		for i := range got {
			if got[i] != message[i] {
				changed++
			}
		}
		if changed != 1 || got[0] != 7 || len(got) != 4 {
			t.Fatalf("%v became %v", message, got)
		}
	}
	if got := table.Pass(Sent, named("Hello"), []byte{7}, 1)[0]; len(got) != 1 || got[0] != 7 {
		t.Errorf("a message that is all type became %v", got)
	}
}

func TestDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := &Table{}
		rules := []Rule{{Name: "x", Act: Delay, Message: "Hello", Delay: 3 * time.Second}, {Name: "y", Act: Delay, Message: "Hello", Nth: 2, Delay: time.Minute, Jitter: time.Second}}
		if err := table.Set(rules); err != nil {
			t.Fatal(err)
		}
		for i, want := range []time.Duration{3 * time.Second, 63 * time.Second} {
			began := time.Now()
			pass(table, Sent, "Hello", 1)
			if got := time.Since(began); got < want-time.Second || got > want+time.Second || i == 0 && got != want {
				t.Errorf("message %d waited %v, want %v", i+1, got, want)
			}
		}
	})
}

func TestSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := &Table{}
		if err := table.Set([]Rule{{Name: "x", Act: Drop, Message: "Hello", From: 2 * time.Second, Until: 9 * time.Second, Every: 3 * time.Second, For: time.Second}}); err != nil {
			t.Fatal(err)
		}
		var got []int
		for range 10 {
			got = append(got, pass(table, Sent, "Hello", 1)...)
			<-time.After(time.Second)
		}
		if want := []int{1, 1, 0, 1, 1, 0, 1, 1, 0, 1}; !slices.Equal(got, want) {
			t.Errorf("second by second %v, want %v", got, want)
		}
	})
}

// Chance is the seed's, and a rule that is set again goes on where it was.
func TestChanceAndCounts(t *testing.T) {
	run := func(seed uint64) []int {
		table := &Table{}
		rule := Rule{Name: "x", Act: Drop, Message: "Hello", Percent: 30, Seed: seed}
		var got []int
		for range 4 {
			if err := table.Set([]Rule{rule}); err != nil {
				t.Fatal(err)
			}
			got = append(got, pass(table, Sent, "Hello", 250)...)
		}
		lost := 0
		for _, n := range got {
			lost += 1 - n
		}
		if c := table.Counts()[0]; c.Matched != 1000 || c.Done != uint64(lost) || lost < 240 || lost > 360 { // 4 standard deviations
			t.Errorf("counted %+v, lost %d", c, lost)
		}
		return got
	}
	if !slices.Equal(run(1), run(1)) || slices.Equal(run(1), run(2)) {
		t.Error("what is lost does not hang on the seed, or not on it alone")
	}
}

func TestControl(t *testing.T) {
	table := &Table{}
	for _, tt := range []struct{ in, want string }{
		{`[{"name": "x", "act": "drop", "message": "Hello", "nth": 1}]`, ""},
		{`null`, ""},
		{`{}`, "faults: json"},
		{`[{"act": "drop", "message": "Hello"}]`, "without a name"},
		{`[{"name": "x", "act": "drop"}]`, "no message is named"},
		{`[{"name": "x", "act": "cut", "message": "Hello"}]`, "want drop, delay, corrupt, duplicate or truncate"},
		{`[{"name": "x", "act": "drop", "message": "Hello", "way": "up"}]`, "want sent, received"},
		{`[{"name": "x", "act": "delay", "message": "Hello"}]`, "want a delay"},
	} {
		out, err := table.Control(context.Background(), json.RawMessage(tt.in))
		if tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) || tt.want == "" && err != nil {
			t.Errorf("%s: %v, want %q", tt.in, err, tt.want)
		}
		if counts, ok := out.([]Count); tt.want == "" && (!ok || len(counts) != 1 || counts[0].Name != "x") {
			t.Errorf("%s: %v", tt.in, out)
		}
	}
}

// TestTruncate: half of what is behind the type is missing, however short the message.
func TestTruncate(t *testing.T) {
	table := &Table{}
	if err := table.Set([]Rule{{Name: "x", Act: Truncate, Message: "Hello"}}); err != nil {
		t.Fatal(err)
	}
	for in, want := range map[string]string{"Hdrabcdef": "Hdrabc", "Hdrabc": "Hdra", "Hdra": "Hdr", "Hdr": "Hdr", "H": "H"} {
		if out := table.Pass(Sent, named("Hello"), []byte(in), 3); len(out) != 1 || string(out[0]) != want {
			t.Errorf("%q becomes %q, want %q", in, out, want)
		}
	}
}

// TestHealedDelay: a message that is kept back goes on when its rule is taken away, and
// not when another is.
func TestHealedDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := Rule{Name: "slow", Act: Delay, Delay: time.Hour, Message: "Hello"}
		other := Rule{Name: "other", Act: Drop, Message: "Goodbye"}
		table := &Table{}
		if err := table.Set([]Rule{slow, other}); err != nil {
			t.Fatal(err)
		}
		start, passed := time.Now(), make(chan time.Time, 1)
		go func() {
			table.Pass(Sent, named("Hello"), []byte("x"), 0)
			passed <- time.Now()
		}()
		for _, left := range [][]Rule{{slow}, {}} {
			<-time.After(time.Minute)
			synctest.Wait()
			if len(passed) > 0 {
				t.Fatalf("it passed with %v set", left)
			}
			if err := table.Set(left); err != nil {
				t.Fatal(err)
			}
		}
		if got := (<-passed).Sub(start); got != 2*time.Minute {
			t.Errorf("it passed after %v", got)
		}
	})
}
