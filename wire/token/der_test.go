package token

import (
	"bytes"
	"encoding/asn1"
	"testing"
	"time"
)

// TestDERAgainstTheLibrary holds the short encoder against encoding/asn1.
func TestDERAgainstTheLibrary(t *testing.T) {
	for n := range 0x10000 {
		want, err := asn1.Marshal(n)
		if err != nil || !bytes.Equal(derUint(uint16(n)), want) {
			t.Fatalf("%d: %x, want %x, %v", n, derUint(uint16(n)), want, err)
		}
	}
	for _, n := range []int{0, 1, 127, 128, 255, 256, 65535, 65536, 70000} {
		content := make([]byte, n)
		want, err := asn1.Marshal(content)
		if got := tlv(tagOctets, content[:n/2], content[n/2:]); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d octets: %x, want %x", n, got[:4], want[:4])
		}
	}
	for name, c := range map[string]struct {
		got  []byte
		want asn1.ObjectIdentifier
	}{
		"ecdsaWithSHA256": {derOID(oidECDSAWithSHA256), asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}},
		"authority key":   {derOID(oidAuthorityKeyID), asn1.ObjectIdentifier{2, 5, 29, 35}},
		"common name":     {derOID(oidAttribute, 3), asn1.ObjectIdentifier{2, 5, 4, 3}},
		"signed data":     {derOID(oidPKCS7, 2), asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}},
		"kind":            {derOID(oidArc, fieldKind), arc(fieldKind)},
	} {
		if want, err := asn1.Marshal(c.want); err != nil || !bytes.Equal(c.got, want) {
			t.Errorf("%s: %x, want %x", name, c.got, want)
		}
	}
	for _, year := range []int{1950, 1999, 2003, 2049, 2050, 9999} {
		at := time.Date(year, 12, 31, 23, 59, 59, 0, time.UTC)
		if want, err := asn1.Marshal(at); err != nil || !bytes.Equal(derTime(at), want) {
			t.Errorf("%v: %q, want %q", at, derTime(at), want)
		}
	}
}
