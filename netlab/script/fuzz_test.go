//go:build linux

package script_test

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/tslab/tslab/netlab/drills"
	"github.com/tslab/tslab/netlab/script"
)

// FuzzDrill reads any text as a drill: it can be run, or there is one sentence that
// says where it is wrong.
func FuzzDrill(f *testing.F) {
	files, err := fs.Glob(drills.Files, "*.star")
	if err != nil || len(files) == 0 {
		f.Fatal(files, err)
	}
	for _, name := range files {
		text, err := fs.ReadFile(drills.Files, name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	for _, text := range []string{"", "#", "net('a')", "host('h', nope)", "def f(:", "x = [i for i in 1]\n", "load('x', 'y')", "editions = 7\n", "\xff"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := script.Load(fstest.MapFS{"d.star": {Data: []byte(text)}}, "d")
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Check(); err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("more than a line: %q", err)
		}
	})
}
