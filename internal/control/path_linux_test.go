package control_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tslab/tslab/internal/control"
)

func TestLongPath(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("long/", 40))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	stop := serve(t, dir, handlers)
	var out int
	if err := control.Call(t.Context(), dir, "echo", 7, &out); err != nil || out != 7 {
		t.Errorf("echo = %d, %v", out, err)
	}
	stop()
	serve(t, dir, handlers)
}
