package story

import (
	"slices"
	"sync"

	"github.com/tslab/tslab/client"
	"github.com/tslab/tslab/wire/hwid"
)

// memory is a device's license store that no disk makes slow: a thousand devices
// write theirs at once.
type memory struct {
	mu       sync.Mutex
	id       hwid.ID
	licenses []client.StoredLicense
}

func (m *memory) HardwareID() (hwid.ID, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.id, !m.id.IsZero()
}

func (m *memory) SetHardwareID(id hwid.ID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.id = id
	return nil
}

func (m *memory) FirstHardwareID(id hwid.ID) (hwid.ID, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.id.IsZero() {
		m.id, m.licenses = id, nil
	}
	return m.id, nil
}

func (m *memory) Licenses() []client.StoredLicense {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.licenses)
}

func (m *memory) Put(l client.StoredLicense) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.licenses = slices.DeleteFunc(m.licenses, func(old client.StoredLicense) bool {
		return old.Scope == l.Scope && old.Company == l.Company && old.Product == l.Product
	})
	m.licenses = append(m.licenses, l)
	return nil
}

func (m *memory) Wipe(licenses, hardwareID bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if licenses {
		m.licenses = nil
	}
	if hardwareID {
		m.id = hwid.ID{}
	}
	return nil
}

func (m *memory) String() string { return "memory" }
