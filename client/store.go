package client

import (
	"crypto/rand"
	"fmt"
	"io"
	"slices"

	"github.com/tslab/tslab/wire/hwid"
	"github.com/tslab/tslab/wire/licensing"
)

// StoredLicense is a license in a device's store, under what it is filed by.
type StoredLicense struct {
	Entry   string // where it lies: LICENSE000
	Scope   string
	Company string
	Product string
	License []byte // as the server sent it, byte for byte
}

// Store is where a device keeps its hardware id and its licenses. What a change has
// returned from is on disk. A change begins with what is on disk then: several
// programs may use one store, and none undoes what another did.
type Store interface {
	// HardwareID is the id, and whether there is one.
	HardwareID() (hwid.ID, bool)
	SetHardwareID(id hwid.ID) error
	// FirstHardwareID gives the device an id unless it has one by now, and returns
	// the one that it has. A new id deletes the licenses: as on Windows, they are of
	// no use without the one that they were given to.
	FirstHardwareID(id hwid.ID) (hwid.ID, error)
	Licenses() []StoredLicense
	// Put takes the place of the license under the same scope, company and product.
	Put(l StoredLicense) error
	// Wipe deletes the licenses, the hardware id, or both.
	Wipe(licenses, hardwareID bool) error
	// String is where the store lies.
	String() string
}

// Find picks the license that a request asks for as Windows does: by company,
// product and one of the scopes.
func Find(s Store, m *licensing.LicenseRequest) (StoredLicense, bool) {
	for _, l := range s.Licenses() {
		if l.Company == m.Product.Company && l.Product == m.Product.Product && slices.Contains(m.Scopes, l.Scope) {
			return l, true
		}
	}
	return StoredLicense{}, false
}

// OpenStore opens the store of such a persona in a folder; a store that is not
// there yet is empty.
func OpenStore(p Persona, dir string) (Store, error) {
	if p.Macintosh {
		return OpenMacStore(dir)
	}
	return OpenWindowsStore(dir)
}

// hardwareID is the id to show: the wanted one, that of the store, or a new one of
// the persona's platform.
func hardwareID(s Store, p Persona, want hwid.ID, random io.Reader) (hwid.ID, error) {
	stored, ok := s.HardwareID()
	switch {
	case !want.IsZero() && (!ok || want != stored):
		return want, s.SetHardwareID(want)
	case ok:
		return stored, nil
	}
	var data [16]byte
	if random == nil {
		random = rand.Reader
	}
	if _, err := io.ReadFull(random, data[:]); err != nil {
		return hwid.ID{}, fmt.Errorf("hardware id: %w", err)
	}
	return s.FirstHardwareID(hwid.New(uint32(p.Platform), data))
}

// sameFile reports whether two licenses are filed under the same names.
func sameFile(a, b StoredLicense) bool {
	return a.Scope == b.Scope && a.Company == b.Company && a.Product == b.Product
}

// freeEntry is the first LICENSE number that is not taken.
func freeEntry(licenses []StoredLicense) string {
	for n := 0; ; n++ {
		entry := fmt.Sprintf("LICENSE%03d", n)
		if !slices.ContainsFunc(licenses, func(l StoredLicense) bool { return l.Entry == entry }) {
			return entry
		}
	}
}
