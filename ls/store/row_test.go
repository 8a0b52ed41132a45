package store_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/internal/cursor"
	"github.com/tslab/tslab/ls/store"
	"github.com/tslab/tslab/wire/hwid"
	"github.com/tslab/tslab/wire/token"
)

var (
	day0   = time.Date(2003, 3, 3, 9, 0, 0, 0, time.UTC)
	device = hwid.New(0x04010000, [16]byte{1, 2, 3, 15: 0xff})
)

func hex20(first byte) string { return strings.Repeat(string(rune(first)), 20) }

var licenseRows = []struct {
	name  string
	l     store.License
	bytes string
}{
	{
		name: "CAL",
		l: store.License{Kind: token.CAL, Pack: 3, HardwareID: device, Machine: "PC1", User: "lab",
			Issued: day0, Expires: day0.AddDate(0, 0, 60), Renewals: 2},
		bytes: "\x01\x20\x02\x03" + string(device[:]) + "\x02" + "\xa0\xe6\x98\xe6\x07" + "\xa0\xce\x91\xeb\x07" + "\x03PC1\x03lab",
	},
	{
		name: "built-in for ever",
		l:    store.License{Kind: token.BuiltIn, Pack: 300, HardwareID: device, Machine: "Größe", Issued: day0},
		bytes: "\x01\x00\x03\xac\x02" + string(device[:]) + "\x00" + "\xa0\xe6\x98\xe6\x07" +
			"\x07Größe\x00",
	},
	{
		name: "validated temporary of another server",
		l: store.License{Kind: token.Temporary, Pack: 1, HardwareID: hwid.ID([]byte(hex20('h'))), State: store.Closed, Validated: true,
			Issued: day0, Expires: day0.AddDate(0, 0, 90), ID: "LAB-OTHER-0000007", Issuer: "ls2", Machine: "PC1"},
		bytes: "\x01\x3b\x01\x01" + hex20('h') + "\x00" + "\xa0\xe6\x98\xe6\x07" + "\xa0\x82\xce\xed\x07" +
			"\x03PC1\x00" + "\x11LAB-OTHER-0000007" + "\x03ls2",
	},
	{
		name:  "before 1970",
		l:     store.License{Kind: token.CAL, State: store.Expired, Issued: time.Unix(-1, 0).UTC(), Expires: time.Unix(0, 0).UTC()},
		bytes: "\x01\x21\x02\x00" + strings.Repeat("\x00", 20) + "\x00" + "\x01" + "\x00" + "\x00\x00",
	},
}

func TestLicenseRowBothWays(t *testing.T) {
	for _, tt := range licenseRows {
		t.Run(tt.name, func(t *testing.T) {
			row := store.AppendLicense(nil, tt.l)
			if diff := cmp.Diff(tt.bytes, string(row)); diff != "" {
				t.Errorf("row: -want +got\n%s", diff)
			}
			got, err := store.ParseLicense(row)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.l, got); diff != "" {
				t.Errorf("license: -want +got\n%s", diff)
			}
			refusesCuts(t, row, func(b []byte) error { _, err := store.ParseLicense(b); return err })
		})
	}
}

// refusesCuts tries every truncation, and one byte too many.
func refusesCuts(t *testing.T, row []byte, parse func([]byte) error) {
	t.Helper()
	for i := range row {
		if err := parse(row[:i]); !errors.Is(err, cursor.ErrTruncated) {
			t.Errorf("cut at %d: error %v, want truncated", i, err)
		}
	}
	if err := parse(append(row[:len(row):len(row)], 0)); !errors.Is(err, cursor.ErrTrailing) {
		t.Errorf("one byte more: error %v, want trailing", err)
	}
}

func TestLicenseRowRefuses(t *testing.T) {
	good := licenseRows[0].bytes
	for _, tt := range []struct{ name, row, want string }{
		{"version", "\x02" + good[1:], "unknown row version"},
		{"flags", good[:1] + "\x90" + good[2:], "unknown flags"},
		{"state", good[:1] + "\x25" + good[2:], "unknown flags"},
		{"long form of a number", good[:3] + "\x83\x00" + good[4:], "shortest form"},
		{"too large a number", good[:3] + "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02" + good[4:], "too large"},
		{"pack out of range", good[:3] + "\x80\x80\x80\x80\x10" + good[4:], "out of range"},
		{"year out of range", good[:25] + "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01" + good[30:], "out of range"},
		{"text too long", good[:35] + "\x80\x02" + strings.Repeat("x", 256) + "\x00", "longer than"},
		{"foreign without issuer", licenseRows[2].bytes[:len(licenseRows[2].bytes)-4] + "\x00", "out of range"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, err := store.ParseLicense([]byte(tt.row))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
			if diff := cmp.Diff(store.License{}, l); diff != "" {
				t.Errorf("license with an error: -want +got\n%s", diff)
			}
		})
	}
}

var packRows = []struct {
	name  string
	p     store.Pack
	bytes string
}{
	{
		name:  "CALs",
		p:     store.Pack{ID: "LAB-P", Kind: token.CAL, Product: "W2K", Major: 5, Minor: 2, Program: "Open", Total: 200, Issued: 5, Installed: day0},
		bytes: "\x01\x00\x02\x05LAB-P\x03W2K\x04Open\x05\x02\xc8\x01\x05\xa0\xe6\x98\xe6\x07",
	},
	{
		name:  "pool",
		p:     store.Pack{Kind: token.Temporary, Unlimited: true, Issued: 1, Installed: day0},
		bytes: "\x01\x01\x01\x00\x00\x00\x00\x00\x00\x01\xa0\xe6\x98\xe6\x07",
	},
}

func TestPackRowBothWays(t *testing.T) {
	for _, tt := range packRows {
		t.Run(tt.name, func(t *testing.T) {
			row := store.AppendPack(nil, tt.p)
			if diff := cmp.Diff(tt.bytes, string(row)); diff != "" {
				t.Errorf("row: -want +got\n%s", diff)
			}
			got, err := store.ParsePack(row)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.p, got); diff != "" {
				t.Errorf("pack: -want +got\n%s", diff)
			}
			refusesCuts(t, row, func(b []byte) error { _, err := store.ParsePack(b); return err })
		})
	}
}

var identities = []store.Identity{
	{},
	{Key: []byte("key"), SelfSigned: []byte("self")},
	{Key: []byte("key"), SelfSigned: []byte("self"), ServerID: "LAB-LS", Company: "c", Chain: [][]byte{[]byte("root"), []byte("ls")}, Former: [][]byte{[]byte("self")}},
}

func TestIdentityRowBothWays(t *testing.T) {
	for _, id := range identities {
		row := store.AppendIdentity(nil, id)
		got, err := store.ParseIdentity(row)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(id, got); diff != "" {
			t.Errorf("identity: -want +got\n%s", diff)
		}
		if id.Activated() != (len(id.Chain) > 0) {
			t.Errorf("Activated of %v", id)
		}
		refusesCuts(t, row, func(b []byte) error { _, err := store.ParseIdentity(b); return err })
	}
	for _, row := range []string{"\x01\x00\x00\x00\x00\x81\x08", "\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"} {
		if _, err := store.ParseIdentity([]byte(row)); err == nil {
			t.Errorf("identity %x is accepted", row)
		}
	}
}

// FuzzRows reads arbitrary bytes as each kind of row: what is accepted is what would
// be written.
func FuzzRows(f *testing.F) {
	for _, tt := range licenseRows {
		f.Add([]byte(tt.bytes))
	}
	for _, tt := range packRows {
		f.Add([]byte(tt.bytes))
	}
	for _, id := range identities {
		f.Add(store.AppendIdentity(nil, id))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if l, err := store.ParseLicense(b); err == nil {
			sameBytes(t, b, store.AppendLicense(nil, l))
		}
		if p, err := store.ParsePack(b); err == nil {
			sameBytes(t, b, store.AppendPack(nil, p))
		}
		if id, err := store.ParseIdentity(b); err == nil {
			sameBytes(t, b, store.AppendIdentity(nil, id))
		}
	})
}

func sameBytes(t *testing.T, want, got []byte) {
	t.Helper()
	if string(want) != string(got) {
		t.Fatalf("parsed and appended again:\n%x\n%x", want, got)
	}
}
