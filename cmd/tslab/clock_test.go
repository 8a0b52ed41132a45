package main

import (
	"strings"
	"testing"
	"time"

	"github.com/tslab/tslab/internal/cli"
)

func TestParseSpan(t *testing.T) {
	const day = 24 * time.Hour
	for s, want := range map[string]time.Duration{
		"+1d": day, "1d": day, "+3h": 3 * time.Hour, "-1h": -time.Hour, "+1w2d": 9 * day, "90m": 90 * time.Minute,
		"+1d12h30m15s": day + 12*time.Hour + 30*time.Minute + 15*time.Second, "+0d": 0, "36500d": 36500 * day,
	} {
		if got, err := parseSpan(s); err != nil || got != want {
			t.Errorf("%q is %v, %v; want %v", s, got, err, want)
		}
	}
	for _, s := range []string{"", "+", "-", "d", "1", "1y", "1d ", "+-1d", "1.5d", "99999999999999999999d", "40000d", "300w36500d"} {
		if got, err := parseSpan(s); err == nil {
			t.Errorf("%q is %v", s, got)
		}
	}
}

func TestParseDate(t *testing.T) {
	want := time.Date(2003, 6, 1, 12, 30, 0, 0, time.UTC)
	for _, s := range []string{"2003-06-01T12:30:00Z", "2003-06-01T14:30:00+02:00", "2003-06-01T12:30:00", "2003-06-01T12:30", "2003-06-01 12:30"} {
		if got, err := parseDate(s); err != nil || !got.Equal(want) || got.Location() != time.UTC {
			t.Errorf("%q is %v, %v", s, got, err)
		}
	}
	if got, err := parseDate("2003-06-01"); err != nil || !got.Equal(want.Truncate(24*time.Hour)) {
		t.Errorf("a day is %v, %v", got, err)
	}
	for _, s := range []string{"", "tomorrow", "2003-13-01", "01.06.2003"} {
		if got, err := parseDate(s); err == nil {
			t.Errorf("%q is %v", s, got)
		}
	}
}

func TestClockUsage(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	for _, tt := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"soon"}, cli.CodeUsage, "such as +1d"},
		{[]string{"+1d", "+1d"}, cli.CodeUsage, ""},
		{[]string{"--set", "2003-06-01", "+1d"}, cli.CodeUsage, "not both"},
		{[]string{"--set", "soon"}, cli.CodeUsage, "--set"},
		{[]string{"--state", t.TempDir(), "show"}, cli.CodeRefused, "no state folder of a server"},
		{[]string{"show"}, cli.CodeRefused, "tslab serve"},
	} {
		code, _, errs := tslab(t, append([]string{"clock"}, tt.args...)...)
		if code != tt.code || !strings.Contains(errs, tt.want) {
			t.Errorf("clock %v: status %d, %q; want %d and %q", tt.args, code, errs, tt.code, tt.want)
		}
	}
}
