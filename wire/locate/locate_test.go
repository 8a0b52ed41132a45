package locate_test

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/tslab/tslab/internal/cursor"
	"github.com/tslab/tslab/wire/locate"
)

var nonce = locate.Nonce{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}

const head = "54534c44" + "01"

// vectors are datagrams and their bytes; a query's padding is left out.
var vectors = []struct {
	name string
	m    locate.Message
	hex  string
}{
	{"query for everybody", locate.Query{Nonce: nonce}, head + "01" + "000102030405060708090a0b0c0d0e0f" + "00" + "00" + "00"},
	{
		"query of a workgroup", locate.Query{Nonce: nonce, Scope: locate.Workgroup, Group: "WORKGROUP"},
		head + "01" + "000102030405060708090a0b0c0d0e0f" + "01" + "09" + "574f524b47524f5550" + "00",
	},
	{
		"query for a name", locate.Query{Nonce: nonce, Name: "LS1"},
		head + "01" + "000102030405060708090a0b0c0d0e0f" + "00" + "00" + "03" + "4c5331",
	},
	{
		"reply, not activated", locate.Reply{Nonce: nonce, Name: "ls1", Port: 3343, Edition: "w2k-rtm", Scope: locate.Workgroup},
		head + "02" + "000102030405060708090a0b0c0d0e0f" + "03" + "6c7331" + "0f0d" + "00" + "07" + "77326b2d72746d" + "01" + "00" + "00" + "00000000",
	},
	{
		"reply, activated",
		locate.Reply{Nonce: nonce, Name: "ls1", Port: 3343, ServerID: "LAB-1", Edition: "ws2003", Scope: locate.Enterprise, Group: "lab.example", Activated: true, Features: 3},
		head + "02" + "000102030405060708090a0b0c0d0e0f" + "03" + "6c7331" + "0f0d" + "05" + "4c41422d31" + "06" + "777332303033" + "03" +
			"0b" + "6c61622e6578616d706c65" + "01" + "03000000",
	},
}

func encode(m locate.Message) ([]byte, error) {
	switch m := m.(type) {
	case locate.Query:
		return m.Append(nil)
	case locate.Reply:
		return m.Append(nil)
	}
	return nil, errors.New("no datagram")
}

func bytesOf(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBothWays(t *testing.T) {
	for _, tt := range vectors {
		t.Run(tt.name, func(t *testing.T) {
			want := bytesOf(t, tt.hex)
			if _, ok := tt.m.(locate.Query); ok {
				want = append(want, make([]byte, locate.QuerySize-len(want))...)
			}
			got, err := encode(tt.m)
			if err != nil || string(got) != string(want) {
				t.Fatalf("Append = %x, %v\nwant %x", got, err, want)
			}
			back, err := locate.Parse(want)
			if err != nil || back != tt.m {
				t.Errorf("Parse = %+v, %v, want %+v", back, err, tt.m)
			}
		})
	}
}

// TestTruncated: a datagram that ends anywhere before its end is refused.
func TestTruncated(t *testing.T) {
	for _, tt := range vectors {
		whole, err := encode(tt.m)
		if err != nil {
			t.Fatal(err)
		}
		for n := range whole {
			if m, err := locate.Parse(whole[:n]); err == nil {
				t.Errorf("%s: %d of %d bytes are read as %+v", tt.name, n, len(whole), m)
			} else if n < 6 && !errors.Is(err, cursor.ErrTruncated) {
				t.Errorf("%s: %d bytes: %v", tt.name, n, err)
			}
		}
		if _, err := locate.Parse(append(whole, 0)); err == nil {
			t.Errorf("%s: a byte behind the end is let through", tt.name)
		}
	}
}

func TestRefused(t *testing.T) {
	query, err := locate.Query{Nonce: nonce, Group: "WORKGROUP"}.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	reply, err := locate.Reply{Name: "ls1", Port: 1, Edition: "ws2003", Scope: locate.Domain}.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	const afterName = 22 + 1 + 3
	for _, tt := range []struct {
		name string
		from []byte
		at   int
		to   byte
		want string
	}{
		{"magic", query, 0, 'X', "magic"},
		{"version", query, 4, 2, "version"},
		{"kind", query, 5, 3, "neither query nor reply"},
		{"scope of a query", query, 22, 4, "no scope 4"},
		{"group too long", query, 23, 255, "at most"},
		{"group of a query", query, 24, 0xff, "UTF-8"},
		{"padding", query, 511, 1, "not zero"},
		{"port", reply, afterName, 0, "port 0"},
		{"server id too long", reply, afterName + 2, 65, "at most 64"},
		{"edition too long", reply, afterName + 3, 17, "at most 16"},
		{"no scope", reply, afterName + 3 + 7, 0, "no scope 0"},
		{"flags", reply, afterName + 3 + 7 + 2, 2, "mean nothing"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := append([]byte(nil), tt.from...)
			b[tt.at] = tt.to
			if m, err := locate.Parse(b); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%+v, %v; want an error with %q", m, err, tt.want)
			}
		})
	}
	other := append([]byte(nil), query...)
	other[4] = 9
	if _, err := locate.ParseQuery(other); !errors.Is(err, locate.ErrVersion) {
		t.Errorf("another version: %v", err)
	}
	if _, err := locate.ParseQuery(reply); err == nil {
		t.Error("a reply is read as a query")
	}
	if _, err := locate.ParseReply(query); err == nil {
		t.Error("a query is read as a reply")
	}
}

func TestNotSent(t *testing.T) {
	long := strings.Repeat("x", 256)
	whole := locate.Reply{Name: strings.Repeat("x", 255), Port: 1, ServerID: strings.Repeat("x", 64), Edition: strings.Repeat("x", 16), Scope: locate.Domain}
	for name, m := range map[string]locate.Message{
		"scope":     locate.Query{Scope: 4},
		"group":     locate.Query{Group: long},
		"name":      locate.Query{Name: "\xff"},
		"no scope":  locate.Reply{Port: 1},
		"no port":   locate.Reply{Scope: locate.Domain},
		"server id": locate.Reply{Scope: locate.Domain, Port: 1, ServerID: strings.Repeat("x", 65)},
		"edition":   locate.Reply{Scope: locate.Domain, Port: 1, Edition: strings.Repeat("x", 17)},
		"reply":     locate.Reply{Scope: locate.Domain, Port: 1, Name: strings.Repeat("x", 255), Group: strings.Repeat("x", 255)},
	} {
		if b, err := encode(m); err == nil {
			t.Errorf("%s: sent as %x", name, b)
		}
	}
	b, err := whole.Append([]byte("before"))
	if err != nil || len(b)-len("before") > locate.QuerySize {
		t.Errorf("the longest name: %d bytes, %v", len(b), err)
	}
}

func TestMeans(t *testing.T) {
	for _, tt := range []struct {
		name string
		q    locate.Query
		want bool
	}{
		{"everybody", locate.Query{}, true},
		{"the workgroup", locate.Query{Scope: locate.Workgroup, Group: "workgroup"}, true},
		{"the name", locate.Query{Name: "LS1"}, true},
		{"another workgroup", locate.Query{Scope: locate.Workgroup, Group: "OTHER"}, false},
		{"another scope", locate.Query{Scope: locate.Domain, Group: "WORKGROUP"}, false},
		{"another name", locate.Query{Name: "ls2"}, false},
	} {
		if got := tt.q.Means(locate.Workgroup, "WORKGROUP", "ls1"); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

func TestScopes(t *testing.T) {
	for _, s := range []locate.Scope{locate.Workgroup, locate.Domain, locate.Enterprise} {
		if back, err := locate.ParseScope(s.String()); err != nil || back != s {
			t.Errorf("%v: %v, %v", s, back, err)
		}
	}
	for _, name := range []string{"any", "", "forest"} {
		if s, err := locate.ParseScope(name); err == nil {
			t.Errorf("%q is %v", name, s)
		}
	}
	if locate.AnyScope.String() != "any" || locate.Scope(9).String() != "scope 9" {
		t.Error("the names of no scopes")
	}
}

func FuzzParse(f *testing.F) {
	for _, tt := range vectors {
		b, err := encode(tt.m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := locate.Parse(b)
		if err != nil {
			return
		}
		again, err := encode(m)
		if err != nil || string(again) != string(b) {
			t.Errorf("%+v is written as %x, %v; was %x", m, again, err, b)
		}
		if len(b) > locate.QuerySize {
			t.Errorf("%d bytes are let through", len(b))
		}
	})
}
