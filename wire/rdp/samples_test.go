package rdp_test

import (
	"bytes"

	"github.com/tslab/tslab/wire/rdp"
	"github.com/tslab/tslab/wire/rdpsec"
)

// samples are the two-way table of the package. Bytes with a section number are
// that document's own.
func samples() []sample {
	all := connectionSamples()
	all = append(all, mcsSamples()...)
	all = append(all, infoSamples()...)
	all = append(all, shareSamples()...)
	return append(all, sessionSamples()...)
}

func connectionSamples() []sample {
	random := bytes.Repeat([]byte{0xab}, 32)
	return []sample{
		{codec: "connection request", name: "4.1.1", value: rdp.ConnectionRequest{Cookie: "eltons", Negotiation: true},
			hex: "0300002c27e00000000000 436f6f6b69653a206d737473686173683d656c746f6e730d0a 0100080000000000"},
		{codec: "connection request", name: "no negotiation", value: rdp.ConnectionRequest{}, hex: "0300000b 06e00000000000"},
		{codec: "connection request", name: "TLS or CredSSP", value: rdp.ConnectionRequest{Negotiation: true, Protocols: rdp.ProtocolSSL | rdp.ProtocolHybrid},
			hex: "03000013 0ee00000000000 01000800 03000000"},
		{codec: "connection request", name: "routing token", value: rdp.ConnectionRequest{RoutingToken: []byte("Cookie: msts=3640205228.15629.0000")},
			hex: "0300002f 2ae00000000000 436f6f6b69653a206d7374733d333634303230353232382e31353632392e303030300d0a"},
		{codec: "connection request", name: "correlation", loose: true, value: rdp.ConnectionRequest{Negotiation: true, Protocols: rdp.ProtocolSSL},
			hex: "03000037 32e00000000000 01080800 01000000 06002400" + "000102030405060708090a0b0c0d0e0f" + "00000000000000000000000000000000"},
		{codec: "connection confirm", name: "4.1.2", value: rdp.ConnectionConfirm{Negotiation: true}, hex: "03000013 0ed00000123400 0200080000000000"},
		{codec: "connection confirm", name: "bare", value: rdp.ConnectionConfirm{}, hex: "0300000b 06d00000123400"},
		{codec: "connection confirm", name: "TLS", value: rdp.ConnectionConfirm{Negotiation: true, Selected: rdp.ProtocolSSL}, hex: "03000013 0ed00000123400 0200080001000000"},
		{codec: "connection confirm", name: "failure", value: rdp.ConnectionConfirm{Negotiation: true, Failure: rdp.FailSSLRequired},
			hex: "03000013 0ed00000123400 0300080001000000"},
		{codec: "connect initial", name: "short", value: []byte{1, 2, 3}, hex: "7f6567 040101 040101 0101ff" +
			"301a020122020102020100020101020100020101020300ffff020102" +
			"3019020101020101020101020101020100020101020204200201" + "02" +
			"3020020300ffff020300fc17020300ffff020101020100020101020300ffff020102" + "0403010203"},
		{codec: "connect response", name: "short", value: []byte{9}, hex: "7f6625 0a0100 020100 301a020122020103020100020101020100020101020300fff8020102 040109"},
		{codec: "client data", name: "128 bit, two channels", value: rdp.ClientData{
			Core: rdp.ClientCore{Version: rdp.VersionRDP5, Desktop: rdp.Desktop{Width: 640, Height: 480, Bpp: 16}, Keyboard: 0x409, Build: 2600,
				ClientName: "LABHOST", EarlyFlags: rdp.EarlyErrorInfo, ProductID: "55274", Selected: rdp.ProtocolSSL},
			Methods: rdpsec.Method40 | rdpsec.Method128, Channels: []rdp.Channel{{Name: "rdpdr", Options: 0x80800000}, {Name: "cliprdr", Options: 1}}},
			hex: "client-data.hex"},
		{codec: "client data", name: "32 bits a pixel", value: rdp.ClientData{
			Core: rdp.ClientCore{Version: rdp.VersionRDP5, Desktop: rdp.Desktop{Width: 800, Height: 600, Bpp: 32}, EarlyFlags: rdp.EarlyWant32Bpp, ClientName: "ÄÖÜ"}},
			hex: "client-data-32.hex"},
		{codec: "server data", name: "NONE", value: rdp.ServerData{Version: rdp.VersionRDP5, Requested: 3, IOChannel: rdp.IOChannel},
			hex: "00050014 7c00012a 14760a01 010001c0 00 4d63446e 20" + "010c0c000400080003000000" + "030c0800eb030000" + "020c0c000000000000000000"},
		{codec: "server data", name: "128 bit, three channels", value: rdp.ServerData{Version: rdp.VersionRDP5, IOChannel: rdp.IOChannel,
			Channels: []uint16{1004, 1005, 1006}, Method: rdpsec.Method128, Level: rdp.LevelClientCompatible, Random: random, Certificate: []byte{1, 2, 3}},
			hex: "00050014 7c00012a 14760a01 010001c0 00 4d63446e 53" + "010c0c000400080000000000" + "030c1000eb030300ec03ed03ee030000" +
				"020c3700" + "02000000" + "02000000" + "20000000" + "03000000" +
				"abababababababababababababababababababababababababababababababab" + "010203"},
	}
}

func mcsSamples() []sample {
	return []sample{
		{codec: "mcs", name: "4.1.5 erect domain", value: rdp.MCS{Kind: rdp.MCSErectDomain}, hex: "0401000100", ends: []int{1, 2, 3, 4}},
		{codec: "mcs", name: "erect domain of rdesktop", loose: true, value: rdp.MCS{Kind: rdp.MCSErectDomain}, hex: "0400010001", ends: []int{1, 2, 3, 4}},
		{codec: "mcs", name: "4.1.6 attach user", value: rdp.MCS{Kind: rdp.MCSAttachUser}, hex: "28"},
		{codec: "mcs", name: "4.1.7 attach confirm", value: rdp.MCS{Kind: rdp.MCSAttachConfirm, Initiator: 1007}, hex: "2e000006"},
		{codec: "mcs", name: "attach refused", value: rdp.MCS{Kind: rdp.MCSAttachConfirm, Result: 14}, hex: "2dc0"},
		{codec: "mcs", name: "4.1.8.1.1 join", value: rdp.MCS{Kind: rdp.MCSJoinRequest, Initiator: 1007, Channel: 1007}, hex: "38000603ef"},
		{codec: "mcs", name: "4.1.8.1.2 joined", value: rdp.MCS{Kind: rdp.MCSJoinConfirm, Initiator: 1007, Requested: 1007, Channel: 1007}, hex: "3e00000603ef03ef"},
		{codec: "mcs", name: "join refused", value: rdp.MCS{Kind: rdp.MCSJoinConfirm, Result: 3, Initiator: 1007, Requested: 1007}, hex: "3c60000603ef"},
		{codec: "mcs", name: "4.2.3 ultimatum", value: rdp.MCS{Kind: rdp.MCSUltimatum, Reason: rdp.ReasonUserRequested}, hex: "2180"},
		{codec: "mcs", name: "ultimatum of the provider", value: rdp.MCS{Kind: rdp.MCSUltimatum, Reason: rdp.ReasonProviderInitiated}, hex: "2080"},
		{codec: "mcs", name: "detach user", value: rdp.MCS{Kind: rdp.MCSDetachUser}, hex: "30"},
		{codec: "mcs", name: "rdesktop's farewell", loose: true, value: rdp.MCS{Kind: rdp.MCSDetachUser}, hex: "3006020200033000", ends: []int{1, 2, 3, 4, 5, 6, 7}},
		{codec: "mcs", name: "data of a client", value: rdp.MCS{Kind: rdp.MCSSendRequest, Initiator: 1007, Channel: 1003, Data: []byte{1, 2}}, hex: "64000603eb70020102"},
		{codec: "mcs", name: "rdesktop's long form of a short length", loose: true,
			value: rdp.MCS{Kind: rdp.MCSSendRequest, Initiator: 1007, Channel: 1003, Data: []byte{1, 2}}, hex: "64000603eb7080020102"},
		{codec: "mcs", name: "data of a server", value: rdp.MCS{Kind: rdp.MCSSendIndication, Initiator: 1002, Channel: 1003, Data: make([]byte, 0x1234)},
			hex: "68000103eb709234" + string(bytes.Repeat([]byte("00"), 0x1234))},
		{codec: "security header", name: "plain", value: header{rdp.SecurityHeader{Flags: rdp.SecLicense}, []byte{}}, hex: "80000000"},
		{codec: "security header", name: "flagsHi of xrdp", loose: true, value: header{rdp.SecurityHeader{Flags: rdp.SecLicense}, []byte{}}, hex: "80003e01"},
		{codec: "security header", name: "4.1.11 sealed",
			value: header{rdp.SecurityHeader{Flags: rdp.SecLicense | rdp.SecEncrypt | 0x0200, Signature: [8]byte{0x8d, 0x43, 0x9a, 0xab, 0xd5, 0x2a, 0x31, 0x39}}, []byte{}},
			loose: true, hex: "88020202 8d439aabd52a3139"},
		{codec: "security exchange", name: "short", value: []byte{1, 2, 3}, hex: "03000000010203"},
	}
}

func infoSamples() []sample {
	zone := make([]byte, 172)
	zone[0] = 0x3c
	info := rdp.ClientInfo{CodePage: 0x04090409, Flags: rdp.InfoUnicode | rdp.InfoMouse, Domain: "LAB", User: "lab", Password: "pä"}
	const start = "09040904 11000000 0600 0600 0400 0000 0000" + "4c00410042000000 6c00610062000000 7000e4000000 0000 0000"
	extended := info
	extended.Extended, extended.AddressFamily, extended.Address, extended.Dir = true, 2, "10.1", `C:\`
	extended.TimeZone, extended.SessionID, extended.Performance, extended.Tail = zone, 1, 7, []byte{0, 0}
	const tail = "0200 0a00 310030002e0031000000 0800 43003a005c000000"
	return []sample{
		{codec: "client info", name: "Unicode", value: info, hex: start},
		{codec: "client info", name: "ANSI", value: rdp.ClientInfo{Flags: rdp.InfoMouse, User: "lab", Shell: "x"},
			hex: "00000000 01000000 0000 0300 0000 0100 0000 00 6c616200 00 7800 00"},
		{codec: "client info", name: "extended", value: extended,
			hex:  start + tail + "3c" + string(bytes.Repeat([]byte("00"), 171)) + "01000000 07000000 0000",
			ends: []int{44, 44 + 24, 44 + 24 + 172, 44 + 24 + 172 + 4, 44 + 24 + 172 + 8, 44 + 24 + 172 + 9}},
	}
}

func shareSamples() []sample {
	sets := []rdp.Capability{{Kind: rdp.CapShare, Body: []byte{0xea, 3, 0, 0}}, {Kind: rdp.CapFont, Body: []byte{}}}
	return []sample{
		{codec: "share", name: "confirm active", value: rdp.Share{Kind: rdp.ShareConfirmActive, Source: 1007, Body: []byte{1}}, hex: "0700 1300 ef03 01"},
		{codec: "data", name: "4.1.21 control granted", loose: true, value: rdp.Data{Kind: rdp.DataControl, ShareID: rdp.ServerShareID, Body: []byte{2, 0, 0xef, 3, 0xea, 3, 0, 0}},
			hex: "ea030100 e2021a00 14000000 0200ef03ea030000", ends: []int{12, 13, 14, 15, 16, 17, 18, 19}},
		{codec: "data", name: "error info", value: rdp.Data{Kind: rdp.DataErrorInfo, ShareID: rdp.ServerShareID, Body: []byte{12, 0, 0, 0}},
			hex: "ea030100 00011600 2f000000 0c000000", ends: []int{12, 13, 14, 15}},
		{codec: "demand active", name: "two sets", value: rdp.DemandActive{ShareID: rdp.ServerShareID, Descriptor: []byte("RDP\x00"), Capabilities: sets, SessionID: 5},
			hex: "ea030100 0400 1000 52445000 0200 0000 0900 0800 ea030000 0e00 0400 05000000", ends: []int{28}},
		{codec: "confirm active", name: "two sets", value: rdp.ConfirmActive{ShareID: rdp.ServerShareID, Originator: 1002, Descriptor: []byte("MSTSC\x00"), Capabilities: sets},
			hex: "ea030100 ea03 0600 1000 4d5354534300 0200 0000 0900 0800 ea030000 0e00 0400"},
		{codec: "confirm active", name: "rdesktop's bytes too many", loose: true,
			value: rdp.ConfirmActive{ShareID: rdp.ServerShareID, Originator: 1002, Descriptor: []byte("MSTSC\x00"), Capabilities: sets},
			hex:   "ea030100 ea03 0600 1000 4d5354534300 0200 0000 0900 0800 ea030000 0e00 0400 0000", ends: []int{32, 33}},
		{codec: "synchronize", name: "4.1.19", value: uint16(1007), hex: "0100 ef03"},
		{codec: "control", name: "4.1.21", value: rdp.Control{Action: rdp.ControlGranted, GrantID: 1007, ControlID: 1002}, hex: "0200 ef03 ea030000"},
		{codec: "logon info", name: "plain notify, cut", loose: true, value: rdp.LogonInfo{}, hex: "02000000"},
		{codec: "logon info", name: "wrong password, cut", loose: true, value: rdp.LogonInfo{Failed: true},
			hex: "03000000 1200 02000000 08000000 feffffff 00000000"},
		{codec: "error info", name: "no license server", value: uint32(0x101), hex: "01010000"},
	}
}

func sessionSamples() []sample {
	var palette rdp.Palette
	for i := range palette {
		palette[i] = rdp.Color{R: byte(i), G: byte(255 - i), B: 0x80}
	}
	small := rdp.BitmapRect{Left: 1, Top: 2, Width: 3, Height: 2, Bpp: 16, Pixels: []byte{1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6}}
	packed := rdp.BitmapRect{Left: 1, Top: 2, Width: 4, Height: 2, Bpp: 8, Pixels: []byte{7, 8, 9}, Compressed: 0x0401}
	// 4.7: ALT down, 4 key events, ALT up, decrypted.
	events := []rdp.InputEvent{{Kind: rdp.InputMouse, Flags: rdp.PointerMove, X: 683, Y: 367}}
	all := []rdp.InputEvent{{Kind: rdp.InputSync, Code: 2}, {Kind: rdp.InputKey, Flags: rdp.KeyRelease | rdp.KeyExtended, Code: 0x1d},
		{Kind: rdp.InputUnicode, Flags: rdp.KeyRelease, Code: 0x20ac}, {Kind: rdp.InputMouse, Flags: rdp.PointerDown | rdp.PointerButton1, X: 1, Y: 2},
		{Kind: rdp.InputMouseX, Flags: 1, X: 3, Y: 4}}
	many := make([]rdp.InputEvent, 16)
	for i := range many {
		many[i] = rdp.InputEvent{Kind: rdp.InputKey, Code: uint16(i)}
	}
	return []sample{
		{codec: "update", name: "bitmaps", value: rdp.Update{Rects: []rdp.BitmapRect{small, packed}},
			hex: "0100 0200" + "0100 0200 0300 0300 0400 0200 1000 0000 1000 0404050506060000 0101020203030000" +
				"0100 0200 0400 0300 0400 0200 0800 0104 0300 070809"},
		{codec: "update", name: "padded to the height too", loose: true, value: rdp.Update{Rects: []rdp.BitmapRect{small}},
			hex: "0100 0100 0100 0200 0300 0300 0400 0300 1000 0000 1800 ffffffffffffffff 0404050506060000 0101020203030000"},
		{codec: "update", name: "palette", value: rdp.Update{Palette: &palette}, hex: "palette.hex"},
		{codec: "update", name: "orders", value: rdp.Update{Other: 3}, hex: "0300"},
		{codec: "fast path", name: "plain", value: rdp.FastPath{Events: 3, Data: []byte{1}}, hex: "0c 8004 01"},
		{codec: "fast path", name: "short length", loose: true, value: rdp.FastPath{Data: []byte{1, 2}}, hex: "00 04 0102"},
		{codec: "fast path", name: "4.7", loose: true, value: rdp.FastPath{Events: 1, Encrypted: true, Salted: true,
			Signature: [8]byte{0x30, 0x35, 0x6b, 0x5b, 0xb5, 0x34, 0xc8, 0x47}, Data: []byte{0x26, 0x18, 0x5e, 0x76, 0x0e, 0xde, 0x28}},
			hex: "c411 30356b5bb534c847 26185e760ede28"},
		{codec: "fast-path updates", name: "two", value: []rdp.FastPathUpdate{{Code: rdp.FastPathBitmap, Data: []byte{1, 2}}, {Code: rdp.FastPathPalette, Fragment: rdp.FragmentFirst, Data: []byte{}}},
			hex: "01 0200 0102 22 0000", ends: []int{0, 5}},
		{codec: "slow-path input", name: "of all kinds", value: all,
			hex: "0500 0000" + "00000000 0000 0000 0200 0000" + "00000000 0400 0081 1d00 0000" + "00000000 0500 0080 ac20 0000" +
				"00000000 0180 0090 0100 0200" + "00000000 0280 0100 0300 0400"},
		{codec: "fast-path input", name: "4.7", value: fastInput{events}, hex: "01 20 0008 ab02 6f01"},
		{codec: "fast-path input", name: "of all kinds", value: fastInput{all}, hex: "05 62 031d 81ac20 20 0090 0100 0200 40 0100 0300 0400"},
		{codec: "fast-path input", name: "sixteen", value: fastInput{many}, hex: "00 10 0000 0001 0002 0003 0004 0005 0006 0007 0008 0009 000a 000b 000c 000d 000e 000f"},
	}
}
