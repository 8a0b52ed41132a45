package rdp

import (
	"fmt"

	"github.com/tslab/tslab/internal/cursor"
)

// ShareKind is a share control PDU's type, 2.2.8.1.1.1.1.
type ShareKind uint16

// The share control PDUs.
const (
	ShareDemandActive  ShareKind = 1
	ShareConfirmActive ShareKind = 3
	ShareDeactivateAll ShareKind = 6
	ShareData          ShareKind = 7
	ShareRedirect      ShareKind = 0xa
	ShareFlow          ShareKind = 0 // not a type: a flow control PDU, to be ignored
)

const (
	shareVersion    = 0x10                                      // in the type field
	shareControlLen = 2 /* totalLength */ + 2 /* pduType */ + 2 /* pduSource */
	shareDataLen    = shareControlLen + 4 /* shareId */ + 1 + 1 /* streamId */ + 2 /* uncompressedLength */ +
		1 /* pduType2 */ + 1 /* compressedType */ + 2 /* compressedLength */
	flowMarker = 0x8000
	flowLen    = 8
	streamLow  = 1
)

// Share is one share control PDU of those that a packet carries.
type Share struct {
	Kind   ShareKind
	Source uint16
	Body   []byte // aliases what was parsed
}

// Append is the PDU.
func (s Share) Append(b []byte) []byte {
	w := cursor.NewWriter(b)
	w.U16(uint16(shareControlLen + len(s.Body)))
	w.U16(uint16(s.Kind) | shareVersion)
	w.U16(s.Source)
	w.Append(s.Body)
	return w.Bytes()
}

// ParseShare takes the first share control PDU off a packet's content.
func ParseShare(b []byte) (s Share, rest []byte, err error) {
	r := cursor.NewReader(b)
	total := int(r.U16("totalLength"))
	if total == flowMarker {
		r.Skip("flow PDU", flowLen-2)
		rest = r.Rest("rest")
		if r.Err() != nil {
			return s, nil, fmt.Errorf("share control: %w", r.Err())
		}
		return Share{Kind: ShareFlow}, rest, nil
	}
	if r.Err() == nil && total < shareControlLen {
		return s, nil, fmt.Errorf("share control: totalLength %d, want %d at least", total, shareControlLen)
	}
	s.Kind = ShareKind(r.U16("pduType") & 0xf)
	s.Source = r.U16("pduSource")
	s.Body = r.Bytes("body", total-shareControlLen)
	rest = r.Rest("rest")
	if r.Err() != nil {
		return Share{}, nil, fmt.Errorf("share control: %w", r.Err())
	}
	return s, rest, nil
}

// DataKind is a share data PDU's pduType2, 2.2.8.1.1.1.2.
type DataKind uint8

// The share data PDUs that are known here.
const (
	DataUpdate         DataKind = 0x02
	DataControl        DataKind = 0x14
	DataPointer        DataKind = 0x1b
	DataInput          DataKind = 0x1c
	DataSynchronize    DataKind = 0x1f
	DataRefreshRect    DataKind = 0x21
	DataSuppressOutput DataKind = 0x23
	DataShutdown       DataKind = 0x24
	DataShutdownDenied DataKind = 0x25
	DataSaveSession    DataKind = 0x26
	DataFontList       DataKind = 0x27
	DataFontMap        DataKind = 0x28
	DataPersistentKeys DataKind = 0x2b
	DataErrorInfo      DataKind = 0x2f
)

// Data is a share data PDU, 2.2.8.1.1.1.2.
type Data struct {
	Kind    DataKind
	ShareID uint32
	Body    []byte // aliases what was parsed
}

// Append is the PDU with its share control header.
func (d Data) Append(b []byte, source uint16) []byte {
	w := cursor.NewWriter(b)
	total := shareDataLen + len(d.Body)
	w.U16(uint16(total))
	w.U16(uint16(ShareData) | shareVersion)
	w.U16(source)
	w.U32(d.ShareID)
	w.U8(0)
	w.U8(streamLow)
	w.U16(uint16(total)) // uncompressedLength
	w.U8(uint8(d.Kind))
	w.U8(0) // compressedType
	w.U16(0)
	w.Append(d.Body)
	return w.Bytes()
}

// ParseData reads the body of a share control PDU of kind ShareData.
func ParseData(body []byte) (Data, error) {
	var d Data
	r := cursor.NewReader(body)
	d.ShareID = r.U32("shareId")
	r.Skip("pad, streamId, uncompressedLength", 4)
	d.Kind = DataKind(r.U8("pduType2"))
	if c := r.U8("compressedType"); c&0x20 != 0 {
		return d, fmt.Errorf("share data %#x: compressed, which was not agreed", uint8(d.Kind))
	}
	r.U16("compressedLength")
	d.Body = r.Rest("body")
	if err := r.End(); err != nil {
		return Data{}, fmt.Errorf("share data: %w", err)
	}
	return d, nil
}
