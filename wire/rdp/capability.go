package rdp

import (
	"bytes"
	"fmt"

	"github.com/tslab/tslab/internal/cursor"
)

// CapabilityKind is the type of a capability set, 2.2.1.13.1.1.1.
type CapabilityKind uint16

// The capability sets that are written or read here.
const (
	CapGeneral        CapabilityKind = 1
	CapBitmap         CapabilityKind = 2
	CapOrder          CapabilityKind = 3
	CapPointer        CapabilityKind = 8
	CapShare          CapabilityKind = 9
	CapInput          CapabilityKind = 13
	CapFont           CapabilityKind = 14
	CapVirtualChannel CapabilityKind = 20
)

const (
	capHeaderLen    = 2 /* type */ + 2 /* length */
	maxCapabilities = 64
)

// Capability is a set as it stands on the wire, without its header.
type Capability struct {
	Kind CapabilityKind
	Body []byte
}

// appendCapabilities writes numberCapabilities, its padding, and the sets.
func appendCapabilities(w *cursor.Writer, sets []Capability) {
	w.U16(uint16(len(sets)))
	w.U16(0)
	for _, set := range sets {
		w.U16(uint16(set.Kind))
		w.U16(uint16(capHeaderLen + len(set.Body)))
		w.Append(set.Body)
	}
}

// parseCapabilities reads what appendCapabilities writes out of a part of a PDU
// whose length is known.
func parseCapabilities(b []byte) ([]Capability, error) {
	r := cursor.NewReader(b)
	n := r.U16("numberCapabilities")
	r.U16("pad2Octets")
	if r.Err() == nil && n > maxCapabilities {
		return nil, fmt.Errorf("numberCapabilities %d, want at most %d", n, maxCapabilities)
	}
	var sets []Capability
	for range n {
		kind, length := CapabilityKind(r.U16("capabilitySetType")), int(r.U16("lengthCapability"))
		if r.Err() == nil && length < capHeaderLen {
			return nil, fmt.Errorf("capability set %d: length %d, want %d at least", kind, length, capHeaderLen)
		}
		sets = append(sets, Capability{Kind: kind, Body: bytes.Clone(r.Bytes("capability set", length-capHeaderLen))})
	}
	return sets, r.End()
}

// findCapability returns the first set of a kind.
func findCapability(sets []Capability, kind CapabilityKind) ([]byte, bool) {
	for _, set := range sets {
		if set.Kind == kind {
			return set.Body, true
		}
	}
	return nil, false
}

// Flags of a general capability set's extraFlags, 2.2.7.1.1.
const (
	GeneralFastPathOutput uint16 = 0x0001
	GeneralLongCreds      uint16 = 0x0004
	GeneralNoBitmapHeader uint16 = 0x0400
)

// Flags of an input capability set, 2.2.7.1.6.
const (
	InputScanCodes  uint16 = 0x0001
	InputMouseXCap  uint16 = 0x0004
	InputFastPath   uint16 = 0x0008
	InputUnicodeCap uint16 = 0x0010
	InputFastPath2  uint16 = 0x0020
)

// general is TS_GENERAL_CAPABILITYSET 2.2.7.1.1. extraFlags of zero would put
// rdesktop into its RDP 4 mode.
func general(extra uint16, server bool) Capability {
	var w cursor.Writer
	for _, v := range []uint16{1, 3, 0x0200, 0, 0, extra, 0, 0, 0} {
		w.U16(v)
	}
	flag := uint8(0) // refreshRectSupport and suppressOutputSupport, of servers
	if server {
		flag = 1
	}
	w.U8(flag)
	w.U8(flag)
	return Capability{CapGeneral, w.Bytes()}
}

// bitmap is TS_BITMAP_CAPABILITYSET 2.2.7.1.2.
func bitmap(d Desktop) Capability {
	var w cursor.Writer
	for _, v := range []uint16{d.Bpp, 1, 1, 1, d.Width, d.Height, 0, 1, 1} {
		w.U16(v)
	}
	w.U8(0)
	w.U8(0)
	w.U16(1)
	w.U16(0)
	return Capability{CapBitmap, w.Bytes()}
}

// input is TS_INPUT_CAPABILITYSET 2.2.7.1.6.
func input(fastPath bool, keyboard uint32) Capability {
	flags := InputScanCodes | InputMouseXCap | InputUnicodeCap
	if fastPath {
		flags |= InputFastPath | InputFastPath2
	}
	var w cursor.Writer
	w.U16(flags)
	w.U16(0)
	w.U32(keyboard)
	w.U32(4)
	w.U32(0)
	w.U32(12)
	w.Zero(imeLen)
	return Capability{CapInput, w.Bytes()}
}

// order is TS_ORDER_CAPABILITYSET 2.2.7.1.3 without a single drawing order.
func order() Capability {
	var w cursor.Writer
	w.Zero(16 + 4)
	for _, v := range []uint16{1, 20, 0, 1, 0, 0x000a} { // NEGOTIATEORDERSUPPORT, ZEROBOUNDSDELTASSUPPORT
		w.U16(v)
	}
	w.Zero(32) // orderSupport
	for _, v := range []uint16{0, 0, 0, 0} {
		w.U16(v)
	}
	w.U32(480 * 480)
	for _, v := range []uint16{0, 0, 0, 0} {
		w.U16(v)
	}
	return Capability{CapOrder, w.Bytes()}
}

func words(kind CapabilityKind, v ...uint16) Capability {
	var w cursor.Writer
	for _, x := range v {
		w.U16(x)
	}
	return Capability{kind, w.Bytes()}
}

// ServerCapabilities are the sets of a server that draws bitmaps and takes input.
func ServerCapabilities(d Desktop, fastPath bool) []Capability {
	extra := GeneralLongCreds | GeneralNoBitmapHeader
	if fastPath {
		extra |= GeneralFastPathOutput
	}
	return []Capability{
		words(CapShare, ServerChannel, 0),
		general(extra, true),
		bitmap(d),
		order(),
		words(CapPointer, 1, 20, 20),
		input(fastPath, 0),
		words(CapFont, 1, 0),
		words(CapVirtualChannel, 0, 0, 0, 0),
	}
}

// ClientCapabilities are the sets of a client that wants bitmaps and nothing else.
func ClientCapabilities(d Desktop, fastPath bool, keyboard uint32) []Capability {
	extra := GeneralLongCreds | GeneralNoBitmapHeader
	if fastPath {
		extra |= GeneralFastPathOutput
	}
	return []Capability{
		general(extra, false),
		bitmap(d),
		order(),
		words(CapPointer, 1, 20, 20),
		input(fastPath, keyboard),
		words(CapShare, 0, 0),
		words(CapFont, 1, 0),
		words(CapVirtualChannel, 0, 0),
	}
}

// FastPathOutput reports whether sets announce output by the fast path.
func FastPathOutput(sets []Capability) bool {
	body, _ := findCapability(sets, CapGeneral)
	r := cursor.NewReader(body)
	r.Skip("up to extraFlags", 10)
	return r.U16("extraFlags")&GeneralFastPathOutput != 0
}

// FastPathInput reports whether sets announce input by the fast path.
func FastPathInput(sets []Capability) bool {
	body, _ := findCapability(sets, CapInput)
	return cursor.NewReader(body).U16("inputFlags")&(InputFastPath|InputFastPath2) != 0
}

// DesktopOf is the desktop that a bitmap set names; ok is false without one.
func DesktopOf(sets []Capability) (d Desktop, ok bool) {
	body, _ := findCapability(sets, CapBitmap)
	r := cursor.NewReader(body)
	d.Bpp = r.U16("preferredBitsPerPixel")
	r.Skip("receive flags", 6)
	d.Width, d.Height = r.U16("desktopWidth"), r.U16("desktopHeight")
	if r.Err() != nil {
		return Desktop{}, false
	}
	return d, true
}
