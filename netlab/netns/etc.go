//go:build linux

package netns

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Etc names the files that a host has in place of the machine's in /etc; everything
// else there is the machine's, but for hostname, which is the host's name. Hosts may
// share a file.
type Etc struct {
	Hosts, ResolvConf string
}

// ownFiles are the files of /etc that every host has for itself.
var ownFiles = [...]string{"hosts", "resolv.conf", "hostname"}

// prepareEtc sees to it that every file that hosts have for themselves is there to
// be mounted over. On some systems one is missing, or a link to where nothing is;
// then all of /etc is laid out again on a tmpfs, entry by entry. The name of a host
// is what the kernel says to whoever reads it there.
func prepareEtc() error {
	for _, name := range ownFiles {
		if _, err := os.Stat("/etc/" + name); err == nil {
			continue
		}
		if err := layoutEtc("/etc"); err != nil {
			return err
		}
		break
	}
	return mountOver("hostname", "/proc/sys/kernel/hostname")
}

func layoutEtc(etc string) error {
	old, err := os.Open(etc)
	if err != nil {
		return err
	}
	defer old.Close()
	entries, err := old.ReadDir(-1)
	if err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", etc, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755"); err != nil {
		return err
	}
	for _, e := range entries {
		source := fmt.Sprintf("/proc/self/fd/%d/%s", old.Fd(), e.Name())
		if err := layoutEntry(source, filepath.Join(etc, e.Name()), e); err != nil {
			return err
		}
	}
	for _, name := range ownFiles {
		path := filepath.Join(etc, name)
		if _, err := os.Stat(path); err == nil {
			continue
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func layoutEntry(source, target string, e os.DirEntry) error {
	switch {
	case e.Type()&os.ModeSymlink != 0:
		to, err := os.Readlink(source)
		if err != nil {
			return err
		}
		return os.Symlink(to, target)
	case e.IsDir():
		if err := os.Mkdir(target, 0o755); err != nil {
			return err
		}
	default:
		if err := os.WriteFile(target, nil, 0o644); err != nil {
			return err
		}
	}
	if err := unix.Mount(source, target, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return &os.PathError{Op: "mount", Path: target, Err: err}
	}
	return nil
}

// mount mounts the files, in the calling thread's mount namespace.
func (e Etc) mount() error {
	if err := mountOver("hosts", e.Hosts); err != nil {
		return err
	}
	return mountOver("resolv.conf", e.ResolvConf)
}

// mountOver mounts the file at path over that with the name in /etc.
func mountOver(name, path string) error {
	if err := unix.Mount(path, "/etc/"+name, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mount %s over /etc/%s: %w", path, name, err)
	}
	return nil
}
