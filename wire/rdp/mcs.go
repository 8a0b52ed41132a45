package rdp

import (
	"fmt"

	"github.com/tslab/tslab/internal/cursor"
)

// MCSKind is a domain PDU of MCS, by its choice in T.125 section 7.
type MCSKind uint8

// The domain PDUs that RDP uses.
const (
	MCSErectDomain    MCSKind = 1
	MCSUltimatum      MCSKind = 8 // Disconnect Provider Ultimatum
	MCSAttachUser     MCSKind = 10
	MCSAttachConfirm  MCSKind = 11
	MCSDetachUser     MCSKind = 12 // also how rdesktop's BER farewell begins
	MCSJoinRequest    MCSKind = 14
	MCSJoinConfirm    MCSKind = 15
	MCSSendRequest    MCSKind = 25 // client to server
	MCSSendIndication MCSKind = 26 // server to client
)

// Reasons of a Disconnect Provider Ultimatum, T.125 section 7.
const (
	ReasonDomainDisconnected uint8 = 0
	ReasonProviderInitiated  uint8 = 1
	ReasonUserRequested      uint8 = 3
)

const (
	mcsBase     = 1001 // user ids are sent less this
	mcsPresent  = 2    // the optional field of a confirm is there
	mcsPriority = 0x40 // of SendData: high
	mcsSegment  = 0x30 // begin and end: RDP never splits
)

// MCS is a domain PDU; each kind uses some of the fields.
type MCS struct {
	Kind      MCSKind
	Initiator uint16 // the user's channel id, 1001 and more
	Channel   uint16 // joined, or of the data
	Requested uint16 // of a join confirm
	Result    uint8  // of a confirm; 0 is success
	Reason    uint8  // of an ultimatum
	Data      []byte // of send data; aliases what was parsed
}

// Append is the PDU.
func (m MCS) Append(b []byte) []byte {
	w := cursor.NewWriter(b)
	head := uint8(m.Kind) << 2
	switch m.Kind {
	case MCSErectDomain:
		w.Append([]byte{head, 1, 0, 1, 0})
	case MCSUltimatum:
		w.U8(head | m.Reason>>1&3)
		w.U8(m.Reason << 7)
	case MCSAttachConfirm:
		w.U8(head | m.present() | m.Result>>3&1)
		w.U8(m.Result << 5)
		if m.Result == 0 {
			w.U16BE(m.Initiator - mcsBase)
		}
	case MCSJoinRequest:
		w.U8(head)
		w.U16BE(m.Initiator - mcsBase)
		w.U16BE(m.Channel)
	case MCSJoinConfirm:
		w.U8(head | m.present() | m.Result>>3&1)
		w.U8(m.Result << 5)
		w.U16BE(m.Initiator - mcsBase)
		w.U16BE(m.Requested)
		if m.Result == 0 {
			w.U16BE(m.Channel)
		}
	case MCSSendRequest, MCSSendIndication:
		w.U8(head)
		w.U16BE(m.Initiator - mcsBase)
		w.U16BE(m.Channel)
		w.U8(mcsPriority | mcsSegment)
		appendPERLen(w, len(m.Data))
		w.Append(m.Data)
	default: // attach user, detach user
		w.U8(head)
	}
	return w.Bytes()
}

// present is the flag of a confirm's last field, which only success has.
func (m MCS) present() uint8 {
	if m.Result == 0 {
		return mcsPresent
	}
	return 0
}

// ParseMCS reads a domain PDU. An ErectDomain may say what it likes, and what
// follows a DetachUser is not read: both forms of the clients differ.
func ParseMCS(b []byte) (MCS, error) {
	r := cursor.NewReader(b)
	head := r.U8("choice")
	m := MCS{Kind: MCSKind(head >> 2)}
	if r.Err() != nil {
		return m, fmt.Errorf("MCS PDU: %w", r.Err())
	}
	switch m.Kind {
	case MCSErectDomain, MCSDetachUser:
		r.Rest("parameters")
	case MCSAttachUser:
	case MCSUltimatum:
		m.Reason = (head&3)<<1 | r.U8("reason")>>7
	case MCSAttachConfirm:
		m.Result = head&1<<3 | r.U8("result")>>5
		if head&mcsPresent != 0 {
			m.Initiator = initiator(r)
		}
		m.Initiator = m.granted(r, head, m.Initiator)
	case MCSJoinRequest:
		m.Initiator, m.Channel = initiator(r), r.U16BE("channelId")
	case MCSJoinConfirm:
		m.Result = head&1<<3 | r.U8("result")>>5
		m.Initiator, m.Requested = initiator(r), r.U16BE("requested")
		if head&mcsPresent != 0 {
			m.Channel = r.U16BE("channelId")
		}
		m.Channel = m.granted(r, head, m.Channel)
	case MCSSendRequest, MCSSendIndication:
		m.parseData(r)
	default:
		return m, fmt.Errorf("MCS PDU: choice %d is none that RDP uses", m.Kind)
	}
	if err := r.End(); err != nil {
		return m, fmt.Errorf("MCS %v: %w", m.Kind, err)
	}
	return m, nil
}

// granted is the id that a confirm gives: one if it is a success, and else none.
func (m *MCS) granted(r *cursor.Reader, head uint8, id uint16) uint16 {
	if m.Result != 0 {
		return 0
	}
	if head&mcsPresent == 0 {
		r.Failf("result", "success without an id")
	}
	return id
}

func (m *MCS) parseData(r *cursor.Reader) {
	m.Initiator, m.Channel = initiator(r), r.U16BE("channelId")
	if f := r.U8("priority, segmentation"); r.Err() == nil && f&mcsSegment != mcsSegment {
		r.Failf("segmentation", "%#02x: data in segments", f)
	}
	m.Data = r.Bytes("userData", perLen(r, "userData length"))
}

func initiator(r *cursor.Reader) uint16 {
	v := r.U16BE("initiator")
	if r.Err() == nil && v > 0xffff-mcsBase {
		r.Failf("initiator", "%d, want at most %d", v, 0xffff-mcsBase)
	}
	return v + mcsBase
}

// String names the PDU.
func (k MCSKind) String() string {
	switch k {
	case MCSErectDomain:
		return "Erect Domain Request"
	case MCSUltimatum:
		return "Disconnect Provider Ultimatum"
	case MCSAttachUser:
		return "Attach User Request"
	case MCSAttachConfirm:
		return "Attach User Confirm"
	case MCSDetachUser:
		return "Detach User"
	case MCSJoinRequest:
		return "Channel Join Request"
	case MCSJoinConfirm:
		return "Channel Join Confirm"
	case MCSSendRequest:
		return "Send Data Request"
	case MCSSendIndication:
		return "Send Data Indication"
	}
	return fmt.Sprintf("MCS PDU %d", uint8(k))
}
