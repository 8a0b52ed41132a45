package ts

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestUsers(t *testing.T) {
	var file strings.Builder
	file.WriteString("# who may log on\n\n")
	for user, password := range map[string]string{"lab": "lab", "Grüße": "a:b#c", "nobody": ""} {
		line, err := UserLine(user, password)
		if err != nil {
			t.Fatal(err)
		}
		if password != "" && strings.Contains(line[len(user):], password+"\n") {
			t.Errorf("the password stands in %q", line)
		}
		file.WriteString(line)
	}
	path := filepath.Join(t.TempDir(), "users")
	if err := os.WriteFile(path, []byte(file.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	users, err := LoadUsers(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ user, password, want string }{
		{"lab", "lab", "lab"}, {"LAB", "lab", "lab"}, {"grÜSSe", "a:b#c", ""}, {"Grüße", "a:b#c", "Grüße"}, {"GRÜßE", "a:b#c", "Grüße"},
		{"nobody", "", "nobody"}, {"lab", "Lab", ""}, {"lab", "", ""}, {"", "", ""}, {"root", "lab", ""},
	} {
		for range 2 { // the second time from memory
			got, err := users.Check(tt.user, tt.password)
			if got != tt.want || (err == nil) != (tt.want != "") {
				t.Errorf("%q with %q: %q, %v; want %q", tt.user, tt.password, got, err, tt.want)
			}
		}
	}
}

func TestUsersFileErrors(t *testing.T) {
	good, err := UserLine("lab", "lab")
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(strings.TrimSpace(good), ":")
	for line, want := range map[string]string{
		"lab":                                 "users line 1: want user:salt:hash",
		":" + parts[1] + ":" + parts[2]:       "want user:salt:hash",
		good + good:                           "line 2: user \"lab\" stands there twice",
		"lab:zz:" + parts[2]:                  "salt: want at least 16 hexadecimal digits",
		"lab:00:" + parts[2]:                  "salt: want at least 16 hexadecimal digits",
		"lab:" + parts[1] + ":00":             "hash: want 64 hexadecimal digits",
		"lab:" + parts[1] + ":" + "password!": "hash: want 64 hexadecimal digits",
	} {
		if _, err := ParseUsers(strings.NewReader(line), "users"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one that says %q", line, err, want)
		}
	}
	if _, err := LoadUsers(filepath.Join(t.TempDir(), "none")); err == nil || !strings.Contains(err.Error(), "users file") {
		t.Errorf("no file: %v", err)
	}
	for _, name := range []string{"", "a:b", "#a", "a\nb"} {
		if _, err := UserLine(name, "x"); err == nil {
			t.Errorf("a line was made for %q", name)
		}
	}
}
