package rdp_test

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/wire/rdp"
)

func TestPacketLen(t *testing.T) {
	for _, tt := range []struct {
		head string
		n    int
		fast bool
		err  string
	}{
		{head: ""}, {head: "03"}, {head: "0300"}, {head: "030001"},
		{head: "0300002c", n: 44},
		{head: "0300ffff27", n: 65535},
		{head: "03000006", err: "TPKT length 6"},
		{head: "0011", n: 17, fast: true},
		{head: "c480", fast: true},
		{head: "c48011", n: 17, fast: true},
		{head: "00ffff", n: 32767, fast: true},
		{head: "0002", fast: true, err: "fast-path length 2"},
		{head: "008003", fast: true, err: "fast-path length 3"},
		{head: "1603", err: "first byte 0x16"},
		{head: "4745", err: "first byte 0x47"},
	} {
		head, err := hex.DecodeString(tt.head)
		if err != nil {
			t.Fatal(err)
		}
		n, fast, err := rdp.PacketLen(head)
		if n != tt.n || fast != tt.fast || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("PacketLen(%s) = %d, %v, %v", tt.head, n, fast, err)
		}
	}
}

func TestX224(t *testing.T) {
	for _, tt := range []struct{ packet, err string }{
		{"0300000802f08001", ""},
		{"0300000b06800000000000", ""}, // rdesktop's disconnect
		{"0200000802f08001", "TPKT version 2"},
		{"0300000902f08001", "TPKT length 9 in a packet of 8"},
		{"0300000802f00001", "EOT"},
		{"0300000803f08001", "length 3"},
		{"0300000b06500000000000", "TPDU code 0x50"},
		{"0300000b05e00000000000", "length 5"},
		{"0300000b07e00000000000", "truncated"},
		{"0300000c06e0000000000000", "trailing"},
		{"0300", "truncated"},
	} {
		b, err := hex.DecodeString(tt.packet)
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = rdp.ParseX224(b)
		if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("ParseX224(%s): %v, want %q in it", tt.packet, err, tt.err)
		}
	}
	if code, _, err := rdp.ParseX224(rdp.AppendX224Disconnect(nil)); code != rdp.X224Disconnect || err != nil {
		t.Errorf("disconnect request: %#x, %v", code, err)
	}
}

// TestRefused gives each parser what it must not take.
func TestRefused(t *testing.T) {
	for _, tt := range []struct{ codec, hex, want string }{
		{"connection request", "0300000c07d0000000000000", "TPDU code 0xd0"},
		{"connection request", "030000130ee000000000000200080000000000", "negotiation type 2"},
		{"connection request", "030000130ee000000000000100090000000000", "of 9 bytes"},
		{"connection confirm", "030000130ed000001234000300080000000000", "negotiation type 3 with value 0"},
		{"connection confirm", "030000130ed000001234000400080000000000", "negotiation type 4"},
		{"connect initial", "7f6603040101", "0x7f66"},
		{"connect initial", "7f6583000001", "length form"},
		{"connect initial", "7f6505040101", "5 with 3 bytes left"},
		{"connect response", "7f66030a010e", "result 14"},
		{"client data", "00050014 7c000102 0000", "truncated"},
		{"client data", "00050014 7c000110 0008001000 01c000 44756361 00", "no core data"},
		{"client data", "00050014 7c000110 0008001000 01c000 44756362 00", "h221 key"},
		{"client data", "01050014 7c000110 0008001000 01c000 44756361 00", "GCC key"},
		{"client data", "00050014 7c000110 0008001000 01c000 44756361 c0", "fragmented"},
		{"client data", "00050014 7c000110 0008001000 01c000 44756361 04 01c00300", "length 3"},
		{"client data", "00050014 7c000110 0008001000 01c000 44756361 08 03c00800 20000000", "channelCount 32"},
		{"server data", "00050014 7c00012a 14760a01 010001c0 00 4d63446e 0c 020c0c000200000000000000", "do not go together"},
		{"server data", "00050014 7c00012a 14760a01 010001c0 00 4d63446e 0c 020c0c000000000001000000", "do not go together"},
		{"server data", "00050014 7c00012a 14760a01 010001c0 00 4d63446e 0c 010c0c000400080000000000", "one is missing"},
		{"server data", "00050014 7c00012a 14760a01 010001c0 00 4d63446e 14 020c1400 02000000 02000000 10000000 00000000", "random of 16"},
		{"server data", "00050014 7c00012a 14760a01 010001c0 00 4d63446e 08 030c0800 eb03 2000", "channelCount 32"},
		{"mcs", "00", "choice 0"},
		{"mcs", "2c00", "success without an id"},
		{"mcs", "3c00000603ef", "success without an id"},
		{"mcs", "64000603eb50020102", "segments"},
		{"mcs", "64ffff03eb70020102", "initiator"},
		{"mcs", "64000603eb70020102ff", "trailing"},
		{"security exchange", "ffff0000", "length 65535"},
		{"client info", "00000000 10000000 0202 0000 0000 0000 0000", "514 bytes"},
		{"share", "0500 1700 ea03", "totalLength 5"},
		{"data", "ea030100 00011a00 02200000", "compressed"},
		{"demand active", "ea030100 4100 0400", "lengthSourceDescriptor"},
		{"demand active", "ea030100 0000 0400 4100 0000", "numberCapabilities 65"},
		{"demand active", "ea030100 0000 0800 0100 0000 0100 0300", "length 3"},
		{"synchronize", "0200 ef03", "messageType 2"},
		{"update", "0100 0100 0300 0200 0200 0300 0400 0200 1000 0000 0000", "bitmap"},
		{"update", "0100 0100 0000 0000 0000 0000 0100 0100 1100 0000 0000", "bitsPerPixel"},
		{"update", "0100 0100 0000 0000 0000 0000 0000 0100 1000 0000 0000", "0 by 1"},
		{"update", "0200 0000 ff000000", "numberColors"},
		{"fast path", "03 04 0102", "header 0x03"},
		{"fast path", "00 05 0102", "length 5"},
		{"fast-path updates", "81 00 0000", "compressed"},
		{"slow-path input", "0101 0000", "257 events"},
		{"fast-path input", "01 e0", "event code 7"},
	} {
		b, err := hex.DecodeString(strings.ReplaceAll(tt.hex, " ", ""))
		if err != nil {
			t.Fatal(tt.hex, err)
		}
		if v, err := find(t, tt.codec).parse(b); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s %s: %+v, %v, want %q in the error", tt.codec, tt.hex, v, err, tt.want)
		}
	}
}

func TestColorDepths(t *testing.T) {
	core := func(bpp uint16) rdp.ClientData {
		return rdp.ClientData{Core: rdp.ClientCore{Version: rdp.VersionRDP5, Desktop: rdp.Desktop{Width: 1, Height: 1, Bpp: bpp}}}
	}
	for _, bpp := range []uint16{8, 15, 16, 24, 32} {
		d, err := rdp.ParseClientData(core(bpp).Append(nil))
		if err != nil || d.Core.Desktop.Bpp != bpp {
			t.Errorf("%d bits: parsed as %d, %v", bpp, d.Core.Desktop.Bpp, err)
		}
		if n := rdp.BytesPerPixel(bpp); n != int(bpp+7)/8 {
			t.Errorf("BytesPerPixel(%d) = %d", bpp, n)
		}
	}
}

func TestShortCores(t *testing.T) {
	full := rdp.ClientData{Core: rdp.ClientCore{Version: rdp.VersionRDP5, Desktop: rdp.Desktop{Width: 640, Height: 480, Bpp: 16}, ClientName: "OLD", EarlyFlags: rdp.EarlyErrorInfo}}
	gcc := full.Append(nil)
	core := gcc[len(gcc)-12-216 : len(gcc)-12]
	for _, length := range []int{4 + 128, 4 + 130, 4 + 142, 4 + 206, 216} {
		block := append([]byte{1, 0xc0, byte(length), 0}, core[4:length]...)
		head := append([]byte{0, 5, 0, 0x14, 0x7c, 0, 1, 0x81, 0, 0, 8, 0, 0x10, 0, 1, 0xc0, 0}, "Duca"...)
		d, err := rdp.ParseClientData(append(append(head, 0x80|byte(length>>8), byte(length)), block...))
		if err != nil || d.Core.ClientName != "OLD" {
			t.Errorf("core of %d bytes: %+v, %v", length, d.Core, err)
		}
		if got, want := d.Core.EarlyFlags != 0, length >= 4+142; got != want {
			t.Errorf("core of %d bytes: early flags %v, want %v", length, got, want)
		}
	}
}

func TestLongNamesAreCut(t *testing.T) {
	d := rdp.ClientData{Core: rdp.ClientCore{ClientName: strings.Repeat("n", 40), Desktop: rdp.Desktop{Bpp: 8}}, Channels: []rdp.Channel{{Name: "longchannel"}}}
	got, err := rdp.ParseClientData(d.Append(nil))
	if err != nil || got.Core.ClientName != strings.Repeat("n", 15) || got.Channels[0].Name != "longcha" {
		t.Errorf("%+v, %v", got, err)
	}
	info, err := rdp.ParseClientInfo(rdp.ClientInfo{User: strings.Repeat("u", 600) + "€"}.Append(nil))
	if err != nil || info.User != strings.Repeat("u", 512) {
		t.Errorf("user of %d bytes, %v", len(info.User), err)
	}
	if _, err := (rdp.ConnectionRequest{Cookie: strings.Repeat("c", 201)}).Append(nil); err == nil {
		t.Error("cookie of 201 bytes: no error")
	}
	if _, err := (rdp.ConnectionRequest{Cookie: "a\r\nb"}).Append(nil); err == nil {
		t.Error("cookie of two lines: no error")
	}
}

func TestSharesInOnePacket(t *testing.T) {
	b := rdp.Share{Kind: rdp.ShareDeactivateAll, Source: 1002}.Append(nil)
	b = append(b, 0, 0x80, 1, 2, 3, 4, 5, 6) // flow control
	b = rdp.Share{Kind: rdp.ShareData, Source: 1002, Body: []byte{7}}.Append(b)
	var kinds []rdp.ShareKind
	for len(b) > 0 {
		s, rest, err := rdp.ParseShare(b)
		if err != nil {
			t.Fatal(err)
		}
		kinds, b = append(kinds, s.Kind), rest
	}
	if diff := cmp.Diff([]rdp.ShareKind{rdp.ShareDeactivateAll, rdp.ShareFlow, rdp.ShareData}, kinds); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestCapabilities(t *testing.T) {
	d := rdp.Desktop{Width: 800, Height: 600, Bpp: 24}
	sizes := map[rdp.CapabilityKind]int{rdp.CapGeneral: 24, rdp.CapBitmap: 28, rdp.CapOrder: 88, rdp.CapPointer: 10, rdp.CapShare: 8,
		rdp.CapInput: 88, rdp.CapFont: 8}
	for _, fast := range []bool{true, false} {
		for name, sets := range map[string][]rdp.Capability{"server": rdp.ServerCapabilities(d, fast), "client": rdp.ClientCapabilities(d, fast, 0x409)} {
			for _, set := range sets {
				if want, ok := sizes[set.Kind]; ok && len(set.Body)+4 != want {
					t.Errorf("%s: set %d of %d bytes, want %d", name, set.Kind, len(set.Body)+4, want)
				}
			}
			if got, ok := rdp.DesktopOf(sets); !ok || got != d {
				t.Errorf("%s: desktop %v, %v", name, got, ok)
			}
			if rdp.FastPathOutput(sets) != fast || rdp.FastPathInput(sets) != fast {
				t.Errorf("%s: fast path %v and %v, want %v", name, rdp.FastPathOutput(sets), rdp.FastPathInput(sets), fast)
			}
		}
	}
	if _, ok := rdp.DesktopOf(nil); ok || rdp.FastPathInput(nil) || rdp.FastPathOutput(nil) {
		t.Error("no sets announce something")
	}
}

func TestBitmapCheck(t *testing.T) {
	ok := rdp.BitmapRect{Width: 2, Height: 2, Bpp: 8, Pixels: make([]byte, 4)}
	if err := ok.Check(); err != nil || ok.WireSize() != rdp.RectOverhead+8 {
		t.Errorf("%v, size %d", err, ok.WireSize())
	}
	for name, change := range map[string]func(*rdp.BitmapRect){
		"bits a pixel": func(r *rdp.BitmapRect) { r.Bpp = 12 },
		"by 2 pixels":  func(r *rdp.BitmapRect) { r.Width = 0 },
		"beyond 65535": func(r *rdp.BitmapRect) { r.Left = 65535 },
		"want 4":       func(r *rdp.BitmapRect) { r.Pixels = r.Pixels[1:] },
	} {
		r := ok
		change(&r)
		if err := r.Check(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%+v: %v, want %q in the error", r, err, name)
		}
	}
}

func TestNames(t *testing.T) {
	if s := rdp.FailSSLRequired.String(); s != "SSL_REQUIRED_BY_SERVER" {
		t.Error(s)
	}
	if s := rdp.FailureCode(9).String(); s != "failure code 9" {
		t.Error(s)
	}
	for k := range rdp.MCSKind(40) {
		if k.String() == "" {
			t.Errorf("MCS PDU %d has no name", k)
		}
	}
}
