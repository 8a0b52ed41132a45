//go:build linux

package netns

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// A tree like the /etc of a system whose resolver lives in /run, which a container
// or a fresh tmpfs does not have.
func TestLayoutOverADanglingLink(t *testing.T) {
	etc := filepath.Join(t.TempDir(), "etc")
	must(t, os.MkdirAll(filepath.Join(etc, "ssl"), 0o755))
	must(t, os.WriteFile(filepath.Join(etc, "ssl", "cert.pem"), []byte("cert"), 0o644))
	must(t, os.WriteFile(filepath.Join(etc, "hosts"), []byte("old"), 0o644))
	must(t, os.Symlink("../run/systemd/resolve/stub-resolv.conf", filepath.Join(etc, "resolv.conf")))
	must(t, os.Symlink("ssl/cert.pem", filepath.Join(etc, "cert")))

	errs := make(chan error)
	var got []string
	go func() {
		runtime.LockOSThread() // and never back: this thread's mounts are its own
		err := unix.Unshare(unix.CLONE_NEWNS)
		if err == nil {
			err = layoutEtc(etc)
		}
		for _, name := range []string{"ssl/cert.pem", "hosts", "hostname", "resolv.conf", "cert"} {
			b, readErr := os.ReadFile(filepath.Join(etc, name))
			if readErr != nil && err == nil {
				err = readErr
			}
			got = append(got, string(b))
		}
		errs <- err
	}()
	must(t, <-errs)
	for i, want := range []string{"cert", "old", "", "", "cert"} {
		if got[i] != want {
			t.Errorf("file %d reads %q, want %q", i, got[i], want)
		}
	}
	if _, err := os.Stat(filepath.Join(etc, "hostname")); err == nil {
		t.Error("the layout shows outside of its mount namespace")
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
