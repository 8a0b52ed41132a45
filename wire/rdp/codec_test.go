package rdp_test

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/wire/rdp"
)

// codec is one message: how its bytes are parsed to a value, and made of a value.
type codec struct {
	name  string
	parse func([]byte) (any, error)
	write func(any) ([]byte, error)
}

// of makes a codec of a pair of functions.
func of[T any](name string, parse func([]byte) (T, error), write func(T) []byte) codec {
	return codec{name,
		func(b []byte) (any, error) { v, err := parse(b); return v, err },
		func(v any) ([]byte, error) { return write(v.(T)), nil }}
}

// fastInput is a fast-path packet's content with the number from its header.
type fastInput struct {
	Events []rdp.InputEvent
}

// codecs are all messages of the package.
func codecs() []codec {
	noSource := uint16(rdp.ServerChannel)
	return []codec{
		{"connection request", func(b []byte) (any, error) { v, err := rdp.ParseConnectionRequest(b); return v, err },
			func(v any) ([]byte, error) { return v.(rdp.ConnectionRequest).Append(nil) }},
		of("connection confirm", rdp.ParseConnectionConfirm, func(v rdp.ConnectionConfirm) []byte { return v.Append(nil) }),
		of("connect initial", rdp.ParseConnectInitial, func(v []byte) []byte { return rdp.AppendConnectInitial(nil, v) }),
		of("connect response", rdp.ParseConnectResponse, func(v []byte) []byte { return rdp.AppendConnectResponse(nil, v) }),
		of("client data", rdp.ParseClientData, func(v rdp.ClientData) []byte { return v.Append(nil) }),
		of("server data", rdp.ParseServerData, func(v rdp.ServerData) []byte { return v.Append(nil) }),
		of("mcs", rdp.ParseMCS, func(v rdp.MCS) []byte { return v.Append(nil) }),
		of("security exchange", rdp.ParseSecurityExchange, func(v []byte) []byte { return rdp.AppendSecurityExchange(nil, v) }),
		of("client info", rdp.ParseClientInfo, func(v rdp.ClientInfo) []byte { return v.Append(nil) }),
		of("demand active", rdp.ParseDemandActive, func(v rdp.DemandActive) []byte { return v.Append(nil) }),
		of("confirm active", rdp.ParseConfirmActive, func(v rdp.ConfirmActive) []byte { return v.Append(nil) }),
		of("synchronize", rdp.ParseSynchronize, func(v uint16) []byte { return rdp.AppendSynchronize(nil, v) }),
		of("control", rdp.ParseControl, func(v rdp.Control) []byte { return v.Append(nil) }),
		of("logon info", rdp.ParseLogonInfo, writeLogonInfo),
		of("error info", rdp.ParseErrorInfo, func(v uint32) []byte { return rdp.AppendErrorInfo(nil, v) }),
		of("share", parseShare, func(v rdp.Share) []byte { return v.Append(nil) }),
		of("data", rdp.ParseData, func(v rdp.Data) []byte { return v.Append(nil, noSource)[6:] }),
		of("security header", parseHeader, func(v header) []byte { return append(v.H.Append(nil), v.Rest...) }),
		of("update", rdp.ParseUpdate, writeUpdate),
		of("fast path", rdp.ParseFastPath, func(v rdp.FastPath) []byte { return v.Append(nil) }),
		of("fast-path updates", rdp.ParseFastPathUpdates, writeFastUpdates),
		of("slow-path input", rdp.ParseSlowInput, func(v []rdp.InputEvent) []byte { return rdp.AppendSlowInput(nil, v) }),
		of("fast-path input", parseFastInput, writeFastInput),
	}
}

func writeLogonInfo(v rdp.LogonInfo) []byte {
	if v.Failed {
		return rdp.AppendLogonError(nil, v.Reason)
	}
	return rdp.AppendLogonNotify(nil)
}

type header struct {
	H    rdp.SecurityHeader
	Rest []byte
}

func parseHeader(b []byte) (header, error) {
	h, rest, err := rdp.ParseSecurityHeader(b)
	return header{h, rest}, err
}

func parseShare(b []byte) (rdp.Share, error) {
	s, rest, err := rdp.ParseShare(b)
	if err == nil && (len(rest) > 0 || s.Kind == rdp.ShareFlow) {
		return s, errNotOne
	}
	return s, err
}

const errNotOne = testError("not one share control PDU")

type testError string

func (e testError) Error() string { return string(e) }

func writeUpdate(u rdp.Update) []byte {
	switch {
	case u.Palette != nil:
		return rdp.AppendPaletteUpdate(nil, u.Palette)
	case u.Other != 0:
		return []byte{byte(u.Other), byte(u.Other >> 8)}
	}
	return rdp.AppendBitmapUpdate(nil, u.Rects)
}

func writeFastUpdates(updates []rdp.FastPathUpdate) (b []byte) {
	for _, u := range updates {
		b = u.Append(b)
	}
	return b
}

// parseFastInput takes the number of events off a byte in front, as if a header had it.
func parseFastInput(b []byte) (fastInput, error) {
	if len(b) == 0 {
		return fastInput{}, errNotOne
	}
	events, err := rdp.ParseFastInput(b[1:], b[0]&0xf)
	return fastInput{events}, err
}

func writeFastInput(v fastInput) []byte {
	if len(v.Events) == 0 {
		return []byte{0, 0}
	}
	b, n := rdp.AppendFastInput(nil, v.Events)
	return append([]byte{n}, b...)
}

// sample is a value and its bytes.
type sample struct {
	codec string
	name  string
	value any
	hex   string // or the name of a file of testdata
	ends  []int  // lengths at which the message may end as well
	loose bool   // parsed only: other peers write it otherwise
}

func (s sample) bytes(t testing.TB) []byte {
	t.Helper()
	text := s.hex
	if strings.HasSuffix(text, ".hex") {
		b, err := os.ReadFile(filepath.Join("testdata", text))
		if err != nil {
			t.Fatal(err)
		}
		text = string(b)
	}
	b, err := hex.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		t.Fatalf("%s %s: %v", s.codec, s.name, err)
	}
	return b
}

func find(t testing.TB, name string) codec {
	t.Helper()
	for _, c := range codecs() {
		if c.name == name {
			return c
		}
	}
	t.Fatalf("no codec %q", name)
	return codec{}
}

func TestBothWays(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range samples() {
		t.Run(s.codec+"/"+s.name, func(t *testing.T) {
			seen[s.codec] = true
			c, b := find(t, s.codec), s.bytes(t)
			got, err := c.parse(bytes.Clone(b))
			if err != nil {
				t.Fatalf("parse: %v", err)
			}
			if diff := cmp.Diff(s.value, got); diff != "" {
				t.Errorf("parsed (-want +got):\n%s", diff)
			}
			if s.loose {
				return
			}
			wrote, err := c.write(s.value)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(hex.Dump(b), hex.Dump(wrote)); diff != "" {
				t.Errorf("written (-want +got):\n%s", diff)
			}
		})
	}
	for _, c := range codecs() {
		if !seen[c.name] {
			t.Errorf("%s: no sample", c.name)
		}
	}
}

func TestTruncated(t *testing.T) {
	for _, s := range samples() {
		c, b := find(t, s.codec), s.bytes(t)
		ends := map[int]bool{len(b): true}
		for _, n := range s.ends {
			ends[n] = true
		}
		for n := range b {
			_, err := c.parse(bytes.Clone(b[:n]))
			if (err == nil) != ends[n] {
				t.Errorf("%s/%s: %d bytes of %d: error %v", s.codec, s.name, n, len(b), err)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	all := codecs()
	for _, s := range samples() {
		for i, c := range all {
			if c.name == s.codec {
				f.Add(byte(i), s.bytes(f))
			}
		}
	}
	f.Fuzz(func(t *testing.T, which byte, b []byte) {
		rdp.PacketLen(b)
		rdp.ParseX224(b)
		c := all[int(which)%len(all)]
		value, err := c.parse(b)
		if err != nil {
			return
		}
		wrote, err := c.write(value)
		if err != nil {
			return // a cookie that is too long
		}
		again, err := c.parse(wrote)
		if err != nil {
			t.Fatalf("%s: written from %+v: %v", c.name, value, err)
		}
		if diff := cmp.Diff(value, again); diff != "" {
			t.Fatalf("%s (-want +got):\n%s", c.name, diff)
		}
	})
}
