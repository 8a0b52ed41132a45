package rdp

import (
	"bytes"
	"fmt"

	"github.com/tslab/tslab/internal/cursor"
)

// ServerShareID is the share id that servers here use, and Windows does.
const ServerShareID = 0x000103ea

const maxDescriptor = 64

// DemandActive is the server's capabilities, 2.2.1.13.1.
type DemandActive struct {
	ShareID      uint32
	Descriptor   []byte // sourceDescriptor, such as "RDP" and a zero byte
	Capabilities []Capability
	SessionID    uint32
}

// Append is the body of the share control PDU.
func (m DemandActive) Append(b []byte) []byte {
	var sets cursor.Writer
	appendCapabilities(&sets, m.Capabilities)
	w := cursor.NewWriter(b)
	w.U32(m.ShareID)
	w.U16(uint16(len(m.Descriptor)))
	w.U16(uint16(sets.Len()))
	w.Append(m.Descriptor)
	w.Append(sets.Bytes())
	w.U32(m.SessionID)
	return w.Bytes()
}

// ParseDemandActive reads the body. A server may leave the session id out.
func ParseDemandActive(body []byte) (DemandActive, error) {
	var m DemandActive
	r := cursor.NewReader(body)
	m.ShareID = r.U32("shareId")
	m.Descriptor, m.Capabilities = descriptorAndSets(r)
	if r.Len() > 0 {
		m.SessionID = r.U32("sessionId")
	}
	if err := r.End(); err != nil {
		return DemandActive{}, fmt.Errorf("demand active: %w", err)
	}
	return m, nil
}

// ConfirmActive is the client's capabilities, 2.2.1.13.2.
type ConfirmActive struct {
	ShareID      uint32
	Originator   uint16 // the server's channel
	Descriptor   []byte
	Capabilities []Capability
}

// Append is the body of the share control PDU.
func (m ConfirmActive) Append(b []byte) []byte {
	var sets cursor.Writer
	appendCapabilities(&sets, m.Capabilities)
	w := cursor.NewWriter(b)
	w.U32(m.ShareID)
	w.U16(m.Originator)
	w.U16(uint16(len(m.Descriptor)))
	w.U16(uint16(sets.Len()))
	w.Append(m.Descriptor)
	w.Append(sets.Bytes())
	return w.Bytes()
}

// ParseConfirmActive reads the body. What stands behind the capabilities is not
// read: rdesktop counts a few bytes differently.
func ParseConfirmActive(body []byte) (ConfirmActive, error) {
	var m ConfirmActive
	r := cursor.NewReader(body)
	m.ShareID = r.U32("shareId")
	m.Originator = r.U16("originatorId")
	m.Descriptor, m.Capabilities = descriptorAndSets(r)
	if r.Err() != nil {
		return ConfirmActive{}, fmt.Errorf("confirm active: %w", r.Err())
	}
	return m, nil
}

// descriptorAndSets reads the part that both have in common.
func descriptorAndSets(r *cursor.Reader) ([]byte, []Capability) {
	nd, nc := int(r.U16("lengthSourceDescriptor")), int(r.U16("lengthCombinedCapabilities"))
	if r.Err() == nil && nd > maxDescriptor {
		r.Failf("lengthSourceDescriptor", "%d, want at most %d", nd, maxDescriptor)
	}
	descriptor := bytes.Clone(r.Bytes("sourceDescriptor", nd))
	combined := r.Bytes("capability sets", nc)
	if r.Err() != nil {
		return nil, nil
	}
	sets, err := parseCapabilities(combined)
	if err != nil {
		r.Fail("capability sets", err)
	}
	return descriptor, sets
}
