package client

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf16"

	"github.com/tslab/tslab/internal/durable"
	"github.com/tslab/tslab/wire/hwid"
)

// The keys and values of a Windows client's licenses.
const (
	regMSLicensing = `HKEY_LOCAL_MACHINE\Software\Microsoft\MSLicensing`
	regHardwareID  = regMSLicensing + `\HardwareID`
	regStore       = regMSLicensing + `\Store`

	regClientHWID    = "ClientHWID"
	regClientLicense = "ClientLicense"
	regCompanyName   = "CompanyName"
	regLicenseScope  = "LicenseScope"
	regProductID     = "ProductID"
)

// WindowsFile is the name of a Windows store's file.
const WindowsFile = "mslicensing.reg"

// lockName is the file beside a store that keeps programs from changing it at once.
const lockName = ".licenses.lock"

// WindowsStore is the part of a registry in which Windows keeps its Terminal
// Services licenses, in a file as regedit exports it. What else the file holds is
// left alone. It is read when it is opened and before each change.
type WindowsStore struct {
	path string
	file regFile
}

// OpenWindowsStore opens the store in a folder.
func OpenWindowsStore(dir string) (*WindowsStore, error) {
	s := &WindowsStore{path: filepath.Join(dir, WindowsFile)}
	return s, s.load()
}

// load reads the file.
func (s *WindowsStore) load() error {
	b, err := os.ReadFile(s.path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		s.file = regFile{}
		return nil
	case err != nil:
		return fmt.Errorf("license store: %w", err)
	}
	file, err := parseReg(s.path, b)
	if err != nil {
		return fmt.Errorf("license store: %w", err)
	}
	s.file = *file
	return s.check()
}

// change reads the file, changes what it holds and writes it, as one program at a
// time.
func (s *WindowsStore) change(f func()) error {
	unlock, err := durable.Lock(filepath.Join(filepath.Dir(s.path), lockName))
	if err != nil {
		return fmt.Errorf("license store: %w", err)
	}
	defer unlock()
	if err := s.load(); err != nil {
		return err
	}
	f()
	return s.save()
}

// check refuses what Windows never writes.
func (s *WindowsStore) check() error {
	k := s.file.find(regHardwareID)
	if k == nil {
		return nil
	}
	if id := k.binary(regClientHWID); id != nil && len(id) != hwid.Size {
		return fmt.Errorf("license store: %s: %s has %d bytes, want %d: delete the value, and the device makes a new one",
			s.path, regClientHWID, len(id), hwid.Size)
	}
	return nil
}

// String is the file.
func (s *WindowsStore) String() string { return s.path }

// HardwareID is MSLicensing\HardwareID\ClientHWID.
func (s *WindowsStore) HardwareID() (hwid.ID, bool) {
	if k := s.file.find(regHardwareID); k != nil {
		if id := k.binary(regClientHWID); len(id) == hwid.Size {
			return hwid.ID(id), true
		}
	}
	return hwid.ID{}, false
}

// SetHardwareID writes the id.
func (s *WindowsStore) SetHardwareID(id hwid.ID) error {
	return s.change(func() { s.setHardwareID(id) })
}

func (s *WindowsStore) setHardwareID(id hwid.ID) {
	s.file.make(regMSLicensing)
	s.file.make(regHardwareID).set(binaryValue(regClientHWID, id[:]))
}

// FirstHardwareID writes the id unless there is one.
func (s *WindowsStore) FirstHardwareID(id hwid.ID) (hwid.ID, error) {
	err := s.change(func() {
		if stored, ok := s.HardwareID(); ok {
			id = stored
			return
		}
		s.file.remove(regStore)
		s.setHardwareID(id)
	})
	return id, err
}

// Licenses are the keys below MSLicensing\Store that hold a license.
func (s *WindowsStore) Licenses() []StoredLicense {
	var licenses []StoredLicense
	for i := range s.file.keys {
		k := &s.file.keys[i]
		if !isBelow(k.path, regStore) {
			continue
		}
		blob := k.binary(regClientLicense)
		if blob == nil {
			continue
		}
		licenses = append(licenses, StoredLicense{
			Entry:   k.path[len(regStore)+1:],
			Scope:   ansi(k.binary(regLicenseScope)),
			Company: unicode(k.binary(regCompanyName)),
			Product: unicode(k.binary(regProductID)),
			License: bytes.Clone(blob),
		})
	}
	return licenses
}

// Put writes a license into the key that has the same scope, company and product,
// or into the first free LICENSE00x.
func (s *WindowsStore) Put(l StoredLicense) error {
	return s.change(func() { s.put(l) })
}

func (s *WindowsStore) put(l StoredLicense) {
	licenses := s.Licenses()
	l.Entry = freeEntry(licenses)
	for _, old := range licenses {
		if sameFile(old, l) {
			l.Entry = old.Entry
		}
	}
	s.file.make(regMSLicensing)
	s.file.make(regStore)
	k := s.file.make(regStore + `\` + l.Entry)
	k.set(binaryValue(regClientLicense, bytes.Clone(l.License)))
	k.set(binaryValue(regCompanyName, fromUnicode(l.Company)))
	k.set(binaryValue(regLicenseScope, fromANSI(l.Scope)))
	k.set(binaryValue(regProductID, fromUnicode(l.Product)))
}

// Wipe deletes keys; both is MSLicensing as a whole.
func (s *WindowsStore) Wipe(licenses, hardwareID bool) error {
	return s.change(func() {
		switch {
		case licenses && hardwareID:
			s.file.remove(regMSLicensing)
		case licenses:
			s.file.remove(regStore)
		case hardwareID:
			s.file.remove(regHardwareID)
		}
	})
}

func (s *WindowsStore) save() error {
	if err := durable.WriteFile(s.path, s.file.format(), 0o600); err != nil {
		return fmt.Errorf("license store: %w", err)
	}
	return nil
}

// ansi and unicode read text as the registry holds it here: bytes, with their NUL.
func ansi(b []byte) string {
	text, _, _ := strings.Cut(string(b), "\x00")
	r := make([]rune, 0, len(text))
	for _, c := range []byte(text) {
		r = append(r, rune(c))
	}
	return string(r)
}

func fromANSI(s string) []byte {
	var b []byte
	for _, c := range s {
		b = append(b, byte(c))
	}
	return append(b, 0)
}

func unicode(b []byte) string {
	var units []uint16
	for ; len(b) >= 2; b = b[2:] {
		u := uint16(b[0]) | uint16(b[1])<<8
		if u == 0 {
			break
		}
		units = append(units, u)
	}
	return string(utf16.Decode(units))
}

func fromUnicode(s string) []byte {
	var b []byte
	for _, u := range append(utf16.Encode([]rune(s)), 0) {
		b = append(b, byte(u), byte(u>>8))
	}
	return b
}
