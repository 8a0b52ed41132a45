//go:build linux

package netlab

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestOnlyARunsFolderIsReplaced(t *testing.T) {
	const marker = `{"format": "tslab run 1"}`
	for _, tt := range []struct {
		name  string
		files map[string]string
		want  string // error; "" for success
	}{
		{"nothing there", nil, ""},
		{"a run's", map[string]string{"run.json": marker, "hosts/c1/x": "y"}, ""},
		{"somebody's", map[string]string{"thesis.tex": "x"}, "left alone"},
		{"another program's run.json", map[string]string{"run.json": `{"format": "marathon"}`, "times.csv": "x"}, "left alone"},
		{"a damaged run.json", map[string]string{"run.json": "{", "x": "y"}, "left alone"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "runs", "x")
			for name, text := range tt.files {
				put(t, filepath.Join(dir, name), text)
			}
			held, err := Claim(dir)
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Fatalf("Claim: %v, want %q", err, tt.want)
				}
				for name := range tt.files {
					if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
						t.Errorf("%s is gone: %v", name, err)
					}
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer held.Release()
			for name := range tt.files {
				if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
					t.Errorf("claimed, and %s is gone: %v", name, err)
				}
			}
			if err := held.clear(); err != nil {
				t.Fatal(err)
			}
			if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
				t.Errorf("left in the folder: %v, %v", entries, err)
			}
			if _, err := Claim(dir); err == nil || !strings.Contains(err.Error(), "another run is using it") {
				t.Errorf("a second claim: %v", err)
			}
		})
	}
}

func TestFolderThatIsNone(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "file"), "x")
	if err := os.Symlink(t.TempDir(), filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"file", "link"} {
		if _, err := Claim(filepath.Join(dir, name)); err == nil || !strings.Contains(err.Error(), "not a folder") {
			t.Errorf("Claim(%s): %v", name, err)
		}
	}
}

func TestReleasedFolder(t *testing.T) {
	for _, used := range []bool{false, true} {
		dir := filepath.Join(t.TempDir(), "x")
		held, err := Claim(dir)
		if err != nil {
			t.Fatal(err)
		}
		if used {
			put(t, filepath.Join(dir, "run.json"), `{"format": "tslab run 1"}`)
		}
		held.Release()
		if _, err := os.Stat(dir); (err == nil) != used {
			t.Errorf("used %v: %v", used, err)
		}
		if held, err = Claim(dir); err != nil { // again, also one that is there
			t.Fatal(err)
		}
		held.Release()
		if _, err := os.Stat(dir); (err == nil) != used {
			t.Errorf("used %v, claimed twice: %v", used, err)
		}
	}
}
