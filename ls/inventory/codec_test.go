package inventory_test

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/ls/inventory"
	"github.com/tslab/tslab/wire/token"
)

var w2k, w2k3 = token.Version{Major: 5}, token.Version{Major: 5, Minor: 2}

func full() inventory.Entry {
	return inventory.Entry{
		Owner: "a1b2", Version: inventory.Version{Start: 1 << 40, Count: 7}, Name: "ls1", ServerID: "LAB-S-1",
		Address: "10.1.0.2:3343", Edition: "w2k-sp3", Scope: "domain", Site: "north", Activated: true,
		Pools: []inventory.Pool{{token.CAL, w2k, 50, 49}, {token.InternetConnector, w2k, 2, 0}, {token.CAL, w2k3, 1<<32 - 1, 1 << 31}},
	}
}

func many() inventory.Entry {
	e := full()
	e.Pools = nil
	for i := range inventory.MaxPools {
		e.Pools = append(e.Pools, inventory.Pool{Kind: token.CAL, Product: token.Version{Major: uint16(i)}, Total: 9, Free: 1})
	}
	return e
}

func entries() map[string]inventory.Entry {
	return map[string]inventory.Entry{
		"full":         full(),
		"bare":         {Owner: "x"},
		"all pools":    many(),
		"longest text": {Owner: "x", Name: strings.Repeat("n", inventory.MaxText)},
	}
}

func TestCodecBothWays(t *testing.T) {
	for name, e := range entries() {
		t.Run(name, func(t *testing.T) {
			b := inventory.Append([]byte("before"), e)
			got, err := inventory.Parse(b[len("before"):])
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(e, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestCodecBytes holds the format: programs of two releases talk with each other.
func TestCodecBytes(t *testing.T) {
	want := "01" + "01" + "0000000000010000" + "0700000000000000" +
		"0461316232" + "036c7331" + "074c41422d532d31" + "0d31302e312e302e323a33333433" + "0777326b2d737033" + "06646f6d61696e" + "056e6f727468" +
		"03" + "02" + "05000000" + "32000000" + "31000000" + "04" + "05000000" + "02000000" + "00000000" + "02" + "05000200" + "ffffffff" + "00000080"
	if got := hex.EncodeToString(inventory.Append(nil, full())); got != want {
		t.Errorf("want %s\n got %s", want, got)
	}
}

func TestCodecTruncated(t *testing.T) {
	for name, e := range entries() {
		b := inventory.Append(nil, e)
		for n := range b {
			if _, err := inventory.Parse(b[:n]); err == nil {
				t.Fatalf("%s: %d of %d bytes are an entry", name, n, len(b))
			}
		}
		if _, err := inventory.Parse(append(b, 0)); err == nil {
			t.Errorf("%s: a trailing byte is taken", name)
		}
	}
}

func TestCodecRefuses(t *testing.T) {
	for name, change := range map[string]func(b []byte){
		"another format": func(b []byte) { b[0] = 2 },
		"unknown flags":  func(b []byte) { b[1] = 2 },
		"no owner":       func(b []byte) { copy(b[18:], []byte{0, 'x'}) },
		"no UTF-8":       func(b []byte) { b[19] = 0xff },
	} {
		b := inventory.Append(nil, inventory.Entry{Owner: "x"})
		change(b)
		if e, err := inventory.Parse(b); err == nil {
			t.Errorf("%s: read as %+v", name, e)
		}
	}
}

func TestLongTextIsCut(t *testing.T) {
	e := inventory.Entry{Owner: "x", Name: strings.Repeat("ü", 200), Site: "a\xffb"}
	got, err := inventory.Parse(inventory.Append(nil, e))
	if err != nil {
		t.Fatal(err)
	}
	if got.Name != strings.Repeat("ü", 127) || got.Site != "a\uFFFDb" {
		t.Errorf("name of %d bytes, site %q", len(got.Name), got.Site)
	}
}

func FuzzParse(f *testing.F) {
	for _, e := range entries() {
		f.Add(inventory.Append(nil, e))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := inventory.Parse(b)
		if err != nil {
			return
		}
		if again := inventory.Append(nil, e); !bytes.Equal(again, b) {
			t.Fatalf("read %x, written %x", b, again)
		}
	})
}
