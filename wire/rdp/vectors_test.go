package rdp_test

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tslab/tslab/wire/rdp"
	"github.com/tslab/tslab/wire/rdpsec"
)

// vector reads an example of MS-RDPBCGR section 4 from the folder of shared
// vectors. Without the folder the samples' own bytes have to do.
func vector(t *testing.T, section string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(os.Getenv("TSLAB_VECTORS"), "rdpbcgr-"+section+".hex"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func haveVectors(t *testing.T) bool {
	t.Helper()
	if os.Getenv("TSLAB_VECTORS") == "" {
		t.Log("TSLAB_VECTORS IS NOT SET: checked against the samples only, not against the shared vectors")
		return false
	}
	return true
}

// userData takes an example down to what its SendData carries.
func userData(t *testing.T, section string) (rdp.MCS, []byte) {
	t.Helper()
	packet := vector(t, section)
	code, content, err := rdp.ParseX224(packet)
	if err != nil || code != rdp.X224Data {
		t.Fatalf("%s: X.224 %#x, %v", section, code, err)
	}
	m, err := rdp.ParseMCS(content)
	if err != nil {
		t.Fatalf("%s: %v", section, err)
	}
	if again := rdp.AppendX224Data(nil, m.Append(nil)); !bytes.Equal(again, packet) {
		t.Errorf("%s: written again\n%x, want\n%x", section, again, packet)
	}
	return m, m.Data
}

func TestSpecConnect(t *testing.T) {
	if !haveVectors(t) {
		return
	}
	_, content, err := rdp.ParseX224(vector(t, "4_1_3"))
	if err != nil {
		t.Fatal(err)
	}
	gcc, err := rdp.ParseConnectInitial(content)
	if err != nil {
		t.Fatal(err)
	}
	client, err := rdp.ParseClientData(gcc)
	if err != nil {
		t.Fatal(err)
	}
	if c := client.Core; c.ClientName != "ELTONS-DEV2" || c.Desktop != (rdp.Desktop{Width: 1280, Height: 1024, Bpp: 24}) ||
		c.Build != 3790 || c.ProductID != "69712-783-0357974-42714" || client.Methods != 0x1b {
		t.Errorf("client data %+v", client)
	}
	if len(client.Channels) != 3 || client.Channels[1].Name != "cliprdr" || client.Channels[1].Options != 0xc0a00000 {
		t.Errorf("channels %+v", client.Channels)
	}

	packet := vector(t, "4_1_4")
	if _, content, err = rdp.ParseX224(packet); err != nil {
		t.Fatal(err)
	}
	if gcc, err = rdp.ParseConnectResponse(content); err != nil {
		t.Fatal(err)
	}
	server, err := rdp.ParseServerData(gcc)
	if err != nil {
		t.Fatal(err)
	}
	if server.Method != rdpsec.Method128 || server.Level != rdp.LevelClientCompatible || len(server.Channels) != 3 || len(server.Certificate) != 184 {
		t.Errorf("server data %+v", server)
	}
	// The example's core block is 12 bytes, as ours: written again it is the same.
	again := rdp.AppendX224Data(nil, rdp.AppendConnectResponse(nil, server.Append(nil)))
	if !bytes.Equal(again, packet) {
		t.Errorf("written again\n%x, want\n%x", again, packet)
	}
}

func TestSpecDomainPDUs(t *testing.T) {
	if !haveVectors(t) {
		return
	}
	for section, want := range map[string]rdp.MCSKind{
		"4_1_5": rdp.MCSErectDomain, "4_1_6": rdp.MCSAttachUser, "4_1_7": rdp.MCSAttachConfirm,
		"4_1_8_1_1": rdp.MCSJoinRequest, "4_1_8_1_2": rdp.MCSJoinConfirm, "4_1_8_5_1": rdp.MCSJoinRequest, "4_1_8_5_2": rdp.MCSJoinConfirm,
		"4_1_9": rdp.MCSSendRequest, "4_1_10": rdp.MCSSendRequest, "4_1_11": rdp.MCSSendIndication, "4_2_3": rdp.MCSUltimatum,
	} {
		if m, _ := userData(t, section); m.Kind != want {
			t.Errorf("%s: %v, want %v", section, m.Kind, want)
		}
	}
	_, data := userData(t, "4_1_9")
	h, rest, err := rdp.ParseSecurityHeader(data)
	if err != nil || h.Flags&rdp.SecExchange == 0 {
		t.Fatalf("security exchange: header %+v, %v", h, err)
	}
	if block, err := rdp.ParseSecurityExchange(rest); err != nil || len(block) != 72 {
		t.Errorf("security exchange of %d bytes, %v", len(block), err)
	}
	_, data = userData(t, "4_1_10")
	if h, rest, err = rdp.ParseSecurityHeader(data); err != nil || h.Flags != rdp.SecInfo|rdp.SecEncrypt || len(rest) != 400 {
		t.Errorf("client info: header %+v and %d bytes, %v", h, len(rest), err)
	}
}

func TestSpecInfoAndShares(t *testing.T) {
	if !haveVectors(t) {
		return
	}
	info, err := rdp.ParseClientInfo(vector(t, "4_1_10-decrypted"))
	if err != nil || info.Domain != "NTDEV" || info.User != "eltons" || info.Address != "157.59.242.156" || len(info.TimeZone) != 172 {
		t.Errorf("client info %+v, %v", info, err)
	}
	one := func(section string, want rdp.ShareKind) []byte {
		s, rest, err := rdp.ParseShare(vector(t, section+"-decrypted"))
		if err != nil || s.Kind != want || len(rest) != 0 {
			t.Fatalf("%s: kind %d and %d bytes more, %v", section, s.Kind, len(rest), err)
		}
		return s.Body
	}
	demand, err := rdp.ParseDemandActive(one("4_1_12", rdp.ShareDemandActive))
	if err != nil || len(demand.Capabilities) != 13 || demand.ShareID != rdp.ServerShareID {
		t.Errorf("demand active %+v, %v", demand, err)
	}
	if d, ok := rdp.DesktopOf(demand.Capabilities); !ok || d != (rdp.Desktop{Width: 1280, Height: 1024, Bpp: 24}) {
		t.Errorf("desktop %v, %v", d, ok)
	}
	confirm, err := rdp.ParseConfirmActive(one("4_1_13", rdp.ShareConfirmActive))
	if err != nil || len(confirm.Capabilities) != 18 || string(confirm.Descriptor) != "MSTSC\x00" || !rdp.FastPathOutput(confirm.Capabilities) {
		t.Errorf("confirm active %+v, %v", confirm, err)
	}
	for section, want := range map[string]rdp.DataKind{"4_1_14": rdp.DataSynchronize, "4_1_15": rdp.DataControl, "4_1_16": rdp.DataControl,
		"4_1_17": rdp.DataPersistentKeys, "4_1_18": rdp.DataFontList, "4_1_19": rdp.DataSynchronize, "4_1_20": rdp.DataControl,
		"4_1_21": rdp.DataControl, "4_1_22": rdp.DataFontMap, "4_3_1": rdp.DataSaveSession} {
		d, err := rdp.ParseData(one(section, rdp.ShareData))
		if err != nil || d.Kind != want {
			t.Errorf("%s: %#x, %v, want %#x", section, d.Kind, err, want)
		}
	}
	d, _ := rdp.ParseData(one("4_1_22", rdp.ShareData))
	if want := rdp.AppendFontMap(nil); !bytes.Equal(d.Body, want) {
		t.Errorf("font map %x, ours is %x", d.Body, want)
	}
	d, _ = rdp.ParseData(one("4_1_18", rdp.ShareData))
	if want := rdp.AppendFontList(nil); !bytes.Equal(d.Body, want) {
		t.Errorf("font list %x, ours is %x", d.Body, want)
	}
}

func TestSpecFastPathInput(t *testing.T) {
	if !haveVectors(t) {
		return
	}
	f, err := rdp.ParseFastPath(vector(t, "4_7"))
	if err != nil || f.Events != 1 || !f.Encrypted || !f.Salted {
		t.Fatalf("%+v, %v", f, err)
	}
	events, err := rdp.ParseFastInput(vector(t, "4_7-decrypted"), f.Events)
	if err != nil || len(events) != 1 || events[0] != (rdp.InputEvent{Kind: rdp.InputMouse, Flags: rdp.PointerMove, X: 683, Y: 367}) {
		t.Errorf("%+v, %v", events, err)
	}
}
