package captures_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/wire/locate"
	"github.com/tslab/tslab/wire/tsls"
)

// experts are the expert infos that the dissector can give, as filters.
func experts(t *testing.T) (names []string) {
	t.Helper()
	for file, prefix := range map[string]string{"rdpele": "rdpele.", "token": "", "tsls": "", "locate": "", "rdp": ""} {
		b, err := os.ReadFile("lua/" + file + ".lua")
		if err != nil {
			t.Fatal(err)
		}
		pattern := `ProtoExpert\.new\("([^"]+)"`
		if prefix != "" {
			pattern = ` = problem\("([^"]+)"`
		}
		for _, m := range regexp.MustCompile(pattern).FindAllSubmatch(b, -1) {
			names = append(names, prefix+string(m[1]))
		}
	}
	slices.Sort(names)
	return names
}

// licensingMessage is a licensing message with a MAC in the bytes of a capture.
type licensingMessage struct{ at, size int }

// licensingMessages are those of one type that lie in one frame, found by their MACs.
func licensingMessages(t *testing.T, home, path, kind string, file []byte) (all []licensingMessage) {
	t.Helper()
	for _, line := range tshark(t, home, path, "-Y", "rdpele.bMsgType == "+kind, "-T", "fields", "-e", "rdpele.wMsgSize", "-e", "rdpele.MACData") {
		size, sum, _ := strings.Cut(line, "\t")
		n, err := strconv.Atoi(size)
		if err != nil {
			t.Fatal(err)
		}
		b, err := hex.DecodeString(sum)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, licensingMessage{bytes.Index(file, b) + len(b) - n, n})
	}
	return all
}

// Whatever is wrong in a capture is told, by the expert info that stands for it and that
// a sound capture has not: each is a byte or two of a reference capture changed.
func TestExpertsOfLicensing(t *testing.T) {
	const sound = "new-device-none.pcapng"
	home := wireshark(t)
	file, err := os.ReadFile(sound)
	if err != nil {
		t.Fatal(err)
	}
	challenges, responses := licensingMessages(t, home, sound, "0x02", file), licensingMessages(t, home, sound, "0x15", file)
	if len(challenges) != 2 || len(responses) != 2 {
		t.Fatalf("%d challenges, %d responses", len(challenges), len(responses))
	}
	const preamble, flags, blobHead, sum = 4, 4, 4, 16 // MS-RDPELE 2.2.1.2, 2.2.2.4
	blob := challenges[0].at + preamble + flags
	response, second := responses[0], responses[1]
	answer := int(binary.LittleEndian.Uint16(file[response.at+preamble+2:]))
	token := bytes.Index(file, append([]byte{6, 11}, 0x2b, 6, 1, 4, 1, 0x81, 0xfd, 0x59, 1, 1)) // LICENSE_INFO has the license in the clear
	if token < 0 {
		t.Fatal("no license in the clear")
	}
	set := func(at int, value byte) func([]byte) { return func(b []byte) { b[at] = value } }
	flip := func(at int) func([]byte) { return func(b []byte) { b[at] ^= 0x10 } }
	if told := told(t, home, sound); len(told) > 0 {
		t.Errorf("the sound capture tells %v", told)
	}
	for _, tt := range []struct {
		expert string
		damage func([]byte)
	}{
		{"rdpele.bMsgType.unknown", set(challenges[0].at, 0x77)},
		{"rdpele.order", set(challenges[0].at, 0x03)},
		{"rdpele.direction", set(challenges[0].at, 0x15)},
		{"rdpele.wMsgSize.wrong", flip(challenges[0].at + 2)},
		{"rdpele.wBlobType.unexpected", set(blob, 1)},
		{"rdpele.trailing", set(blob+2, 9)},
		{"rdpele.truncated", set(blob+2, 200)},
		{"rdpele.MACData.wrong", flip(challenges[0].at + challenges[0].size - sum)},
		{"rdpele.challenge.wrong", flip(response.at + preamble + blobHead + answer - 1)},
		{"rdpele.HWID.changed", flip(second.at + second.size - sum - 1)},
		{"rdpele.sealed", func(b []byte) {
			copy(b, bytes.ReplaceAll(b, []byte("licensing keys of server"), []byte("licensing keyz of server")))
		}},
		{"tslab_token.broken", set(token+2+11+3, 0x84)},
	} {
		damaged := bytes.Clone(file)
		tt.damage(damaged)
		path := filepath.Join(t.TempDir(), "damaged.pcapng")
		if err := os.WriteFile(path, damaged, 0o644); err != nil {
			t.Fatal(err)
		}
		if told := told(t, home, path); !slices.Contains(told, tt.expert) || slices.Contains(told, "_ws.lua.error") {
			t.Errorf("%s: told are %v", tt.expert, told)
		}
	}
}

// told are the expert infos in a capture that is read twice.
func told(t *testing.T, home, path string) (all []string) {
	t.Helper()
	for _, row := range columns(t, home, path, append(experts(t), "_ws.lua.error"), "-2") {
		for name, value := range row {
			if value != "" && !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
	}
	return all
}

// The same for what is wrong with them; what is sound has no expert info.
func TestExpertsOfTheOtherProtocols(t *testing.T) {
	query, err := locate.Query{Group: "WORKGROUP"}.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	reply, err := locate.Reply{Name: "ls1", Port: 3343, Group: "WORKGROUP", Edition: "w2k-sp3", Scope: locate.Enterprise}.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	changed := func(b []byte, at int, value byte) []byte { b = bytes.Clone(b); b[at] = value; return b }
	ping, hello := framed(t, tsls.Ping{}), framed(t, filled(tsls.Hello{}))
	tests := []struct {
		expert   string
		protocol byte
		content  []byte
	}{
		{"tsls.type.unknown", tcpIP, changed(ping, 8, 0x70)},
		{"tsls.length.wrong", tcpIP, changed(ping, 3, 0x70)},
		{"tsls.trailing", tcpIP, append(changed(ping, 0, 2), 0)},
		{"tsls.truncated", tcpIP, changed(hello, 9+2+4, 0xff)},
		{"tsls.refused", tcpIP, framed(t, tsls.Error{Code: 5, Text: "busy"})},
		{"tsls.denied", tcpIP, framed(t, tsls.Allocated{Answer: tsls.AnswerDenyEmpty})},
		{"tslocate.size", udpIP, query[:500]},
		{"tslocate.version.other", udpIP, changed(query, 4, 9)},
		{"tslocate.truncated", udpIP, reply[:len(reply)-2]},
		{"tslocate.trailing", udpIP, append(bytes.Clone(reply), 0)},
		{"", tcpIP, ping}, {"", tcpIP, hello}, {"", udpIP, query}, {"", udpIP, reply},
	}
	var packets []payload
	for _, tt := range tests {
		packets = append(packets, payload{tt.protocol, map[byte]uint16{tcpIP: 3343, udpIP: 3345}[tt.protocol], tt.content})
	}
	rows := columns(t, wireshark(t), onTheWire(t, packets), append(experts(t), "_ws.lua.error", "_ws.col.Info"), plain(t)...)
	if len(rows) != len(tests) {
		t.Fatalf("%d packets, want %d", len(rows), len(tests))
	}
	for i, tt := range tests {
		for name, value := range rows[i] {
			if name != "_ws.col.Info" && (value != "") != (name == tt.expert) {
				t.Errorf("%s: %s is %q: %q", tt.expert, name, value, rows[i]["_ws.col.Info"])
			}
		}
	}
}

// No expert info is without a test; the reference capture of a refusal has one.
func TestEveryExpertIsTested(t *testing.T) {
	b, err := os.ReadFile("expert_test.go")
	if err != nil {
		t.Fatal(err)
	}
	tested := []string{"rdpele.abort"}
	for _, m := range regexp.MustCompile(`(?m)^\t\t\{"([a-zA-Z_.]+)", `).FindAllSubmatch(b, -1) {
		tested = append(tested, string(m[1]))
	}
	slices.Sort(tested)
	if diff := cmp.Diff(experts(t), tested); diff != "" {
		t.Errorf("expert infos: -in lua +tested\n%s", diff)
	}
	if got := tshark(t, wireshark(t), "refused.pcapng", "-Y", "rdpele.abort"); slices.Equal(got, []string{""}) {
		t.Error("rdpele.abort: not told")
	}
}
