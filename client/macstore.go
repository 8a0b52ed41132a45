package client

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tslab/tslab/internal/durable"
	"github.com/tslab/tslab/wire/hwid"
	"github.com/tslab/tslab/wire/licensing"
)

// MacFolder is where a Macintosh keeps its licenses, below its root: KB 326422.
const MacFolder = "Users/Shared/Microsoft/RDC Crucial Server Information"

const macHardwareID = "HardwareID"

// MacStore is the folder of a Macintosh: a file for the hardware id and one for
// each license, which holds a NEW_LICENSE_INFO (MS-RDPELE 2.2.2.6.1).
type MacStore struct{ root, dir string }

// OpenMacStore opens the store of a Macintosh whose root folder is root.
func OpenMacStore(root string) (*MacStore, error) {
	s := &MacStore{root: root, dir: filepath.Join(root, filepath.FromSlash(MacFolder))}
	_, err := s.read()
	return s, err
}

// String is the folder.
func (s *MacStore) String() string { return s.dir }

// HardwareID is the content of the file HardwareID.
func (s *MacStore) HardwareID() (hwid.ID, bool) {
	b, err := os.ReadFile(filepath.Join(s.dir, macHardwareID))
	if err != nil || len(b) != hwid.Size {
		return hwid.ID{}, false
	}
	return hwid.ID(b), true
}

// SetHardwareID writes the id.
func (s *MacStore) SetHardwareID(id hwid.ID) error {
	return s.change(func() error { return s.write(macHardwareID, id[:]) })
}

// FirstHardwareID writes the id unless there is one.
func (s *MacStore) FirstHardwareID(id hwid.ID) (hwid.ID, error) {
	err := s.change(func() error {
		if stored, ok := s.HardwareID(); ok {
			id = stored
			return nil
		}
		return errors.Join(s.removeLicenses(), s.write(macHardwareID, id[:]))
	})
	return id, err
}

// change lets one program at a time change the folder.
func (s *MacStore) change(f func() error) error {
	unlock, err := durable.Lock(filepath.Join(s.root, lockName))
	if err != nil {
		return fmt.Errorf("license store: %w", err)
	}
	defer unlock()
	return f()
}

// Licenses are the files of the folder that hold one, by name.
func (s *MacStore) Licenses() []StoredLicense {
	licenses, err := s.read()
	if err != nil {
		return nil
	}
	return licenses
}

func (s *MacStore) read() ([]StoredLicense, error) {
	entries, err := os.ReadDir(s.dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("license store: %w", err)
	}
	var licenses []StoredLicense
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), "LICENSE") {
			continue
		}
		path := filepath.Join(s.dir, e.Name())
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("license store: %w", err)
		}
		info, err := licensing.ParseNewLicenseInfo(b)
		if err != nil {
			return nil, fmt.Errorf("license store: %s: %w", path, err)
		}
		licenses = append(licenses, StoredLicense{e.Name(), info.Scope, info.Company, info.Product, info.License})
	}
	return licenses, nil
}

// Put writes a license into the file that has the same scope, company and product,
// or into a new one.
func (s *MacStore) Put(l StoredLicense) error {
	return s.change(func() error { return s.put(l) })
}

func (s *MacStore) put(l StoredLicense) error {
	licenses, err := s.read()
	if err != nil {
		return err
	}
	l.Entry = freeEntry(licenses)
	if i := slices.IndexFunc(licenses, func(old StoredLicense) bool { return sameFile(old, l) }); i >= 0 {
		l.Entry = licenses[i].Entry
	}
	info := licensing.NewLicenseInfo{Scope: l.Scope, Company: l.Company, Product: l.Product, License: l.License}
	return s.write(l.Entry, licensing.AppendNewLicenseInfo(nil, info))
}

// Wipe deletes files; both is the whole folder.
func (s *MacStore) Wipe(licenses, hardwareID bool) error {
	return s.change(func() error {
		if licenses && hardwareID {
			return os.RemoveAll(s.dir)
		}
		var failed error
		if hardwareID {
			failed = remove(filepath.Join(s.dir, macHardwareID))
		}
		if licenses {
			failed = errors.Join(failed, s.removeLicenses())
		}
		return failed
	})
}

func (s *MacStore) removeLicenses() error {
	var failed error
	for _, l := range s.Licenses() {
		failed = errors.Join(failed, remove(filepath.Join(s.dir, l.Entry)))
	}
	return failed
}

func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("license store: %w", err)
	}
	return nil
}

func (s *MacStore) write(name string, data []byte) error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return fmt.Errorf("license store: %w", err)
	}
	if err := durable.WriteFile(filepath.Join(s.dir, name), data, 0o600); err != nil {
		return fmt.Errorf("license store: %w", err)
	}
	return nil
}
