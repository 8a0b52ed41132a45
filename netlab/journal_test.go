//go:build linux

package netlab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/internal/eventlog"
)

func eventLine(second int, name string) string {
	when := time.Date(2026, 1, 1, 0, 0, second, 0, time.UTC).Format(time.RFC3339)
	return fmt.Sprintf(`{"lab":"2003-03-03T09:00:00Z","machine":%q,"host":"h","program":"p","name":%q,"severity":"information","text":"x"}`, when, name)
}

func appendText(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

// follow starts a journal of two logs.
func follow(t *testing.T) (j *journal, a, b string, told func() []string) {
	t.Helper()
	var names []string
	j, err := newJournal(func(e eventlog.Event) { names = append(names, e.Name) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(j.close)
	dir := t.TempDir()
	a, b = filepath.Join(dir, "x", "a.jsonl"), filepath.Join(dir, "y", "b.jsonl")
	for _, path := range []string{a, b} {
		if err := j.follow(path); err != nil {
			t.Fatal(err)
		}
	}
	return j, a, b, func() []string {
		j.mu.Lock()
		defer j.mu.Unlock()
		return append([]string(nil), names...)
	}
}

func TestEventsOfTwoLogsInOrder(t *testing.T) {
	j, a, b, told := follow(t)
	appendText(t, a, eventLine(3, "third")+"\n"+eventLine(4, "fourth")+"\n")
	appendText(t, b, eventLine(1, "first")+"\n"+eventLine(2, "second")+"\n")
	j.poll()
	if diff := cmp.Diff([]string{"first", "second", "third", "fourth"}, told()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestALineInPieces(t *testing.T) {
	j, a, _, told := follow(t)
	line := eventLine(1, "whole") + "\n"
	for i := range line {
		appendText(t, a, line[i:i+1])
		j.poll()
		if n := len(told()); n != 0 && i < len(line)-1 {
			t.Fatalf("told after %d of %d bytes", i+1, len(line))
		}
	}
	if diff := cmp.Diff([]string{"whole"}, told()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// A program is killed in the middle of a line, and its successor writes on.
func TestATornLine(t *testing.T) {
	j, a, _, told := follow(t)
	torn := eventLine(1, "torn")
	appendText(t, a, torn[:len(torn)/2]+eventLine(2, "next")+"\n"+"no json at all\n"+eventLine(3, "last")+"\n")
	j.poll()
	if diff := cmp.Diff([]string{"next", "last"}, told()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if j.damaged != 1 {
		t.Errorf("%d damaged lines, want 1", j.damaged)
	}
}

// Nobody calls poll here: the kernel says when a log has grown.
func TestAwaitIsWoken(t *testing.T) {
	j, a, b, _ := follow(t)
	go j.run()
	found := make(chan string)
	go func() {
		e, err := j.await(t.Context(), 0, func(e eventlog.Event) bool { return e.Name == "wanted" })
		if err != nil {
			t.Error(err)
		}
		found <- e.Name
	}()
	appendText(t, a, eventLine(1, "other")+"\n")
	appendText(t, b, eventLine(2, "wanted")+"\n")
	if name := <-found; name != "wanted" {
		t.Errorf("await returned %q", name)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	reason := errors.New("over")
	cancel(reason)
	if _, err := j.await(ctx, j.len(), func(eventlog.Event) bool { return true }); !errors.Is(err, reason) {
		t.Errorf("await returned %v", err)
	}
}
