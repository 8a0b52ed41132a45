package rdpsec_test

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/hex"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tslab/tslab/wire/rdpsec"
)

// specCertificate is the SERVER_CERTIFICATE of MS-RDPBCGR 4.1.4.
const specCertificate = "01000000010000000100000006005c005253413148000000000200003f00000001000100" +
	"cb81feba6d61c35505d55f2e87f87194d6f1a5cbf15f0c3df8700296c4fb9bc83c2d55aee8ff3275ea6879e5a201fd31a0b11f55a61fc1f6d1838863265612bc" +
	"0000000000000000" + "08004800" +
	"e9e1d628468b4ef50adffdee2199acb4e18f5f815782ef9d965263271829dbb34afd9ada42adb56921890e1dc04c1aa8aa713e0f54b99ae499683f6cd6768461" +
	"0000000000000000"

func TestSpecCertificate(t *testing.T) {
	b := unhex(t, specCertificate)
	key, err := rdpsec.ParseServerCertificate(b)
	if err != nil || key.N.BitLen() != 512 || key.E != 65537 {
		t.Fatalf("key %v, %v", key, err)
	}
	if err := rdpsec.VerifyProprietary(b); err != nil {
		t.Error(err)
	}
	if got := rdpsec.ProprietaryCertificate(key); !bytes.Equal(got, b) {
		t.Errorf("made again it is %x", got)
	}
	b[40] ^= 1
	if err := rdpsec.VerifyProprietary(b); err == nil {
		t.Error("VerifyProprietary of a changed certificate: no error")
	}
}

// TestSharedCertificates opens the certificates inside recorded messages.
func TestSharedCertificates(t *testing.T) {
	dir := vectorDir(t)
	if dir == "" {
		return
	}
	for _, tt := range []struct {
		file, begin string // where the certificate begins, and how it does
		bits        int
	}{
		{"rdpbcgr-4_1_4", "0100000001000000010000000600", 512},
		{"captured-xrdp-0.9.21-license_request", "0100000001000000010000000600", 511},
		{"rdpele-4_1", "0200008002000000", 2048},
		{"captured-rd-128-01-S-01", "0200000002000000", 2048},
	} {
		text, err := os.ReadFile(filepath.Join(dir, tt.file+".hex"))
		if err != nil {
			t.Fatal(err)
		}
		b := unhex(t, strings.TrimSpace(string(text)))
		at := bytes.Index(b, unhex(t, tt.begin))
		if at < 4 {
			t.Fatalf("%s: no certificate", tt.file)
		}
		cert := b[at:]
		if n := int(binary.LittleEndian.Uint16(b[at-2:])); n <= len(cert) && tt.file != "rdpbcgr-4_1_4" {
			cert = cert[:n]
		}
		key, err := rdpsec.ParseServerCertificate(cert)
		if err != nil {
			t.Errorf("%s: %v", tt.file, err)
			continue
		}
		if key.N.BitLen() != tt.bits {
			t.Errorf("%s: key of %d bits, want %d", tt.file, key.N.BitLen(), tt.bits)
		}
		if cert[0] == 1 {
			if err := rdpsec.VerifyProprietary(cert); err != nil {
				t.Errorf("%s: %v", tt.file, err)
			}
		}
	}
}

func TestProprietary(t *testing.T) {
	for _, bits := range []int{512, 1024, 2048} {
		k, err := rdpsec.GenerateKey(random(byte(bits/16)), bits)
		if err != nil {
			t.Fatal(err)
		}
		b := rdpsec.ProprietaryCertificate(k.Public())
		if want := 4 + 4 + 4 + 4 + 20 + bits/8 + 8 + 4 + 64 + 8; len(b) != want {
			t.Errorf("%d bits: certificate of %d bytes, want %d", bits, len(b), want)
		}
		key, err := rdpsec.ParseServerCertificate(b)
		if err != nil || key.N.Cmp(k.N) != 0 || key.E != k.E {
			t.Errorf("%d bits: parsed %v, %v", bits, key, err)
		}
		if err := rdpsec.VerifyProprietary(b); err != nil {
			t.Errorf("%d bits: %v", bits, err)
		}
		everyPrefixFails(t, b, len(b))
	}
}

func everyPrefixFails(t *testing.T, b []byte, end int) {
	t.Helper()
	for i := range end {
		if _, err := rdpsec.ParseServerCertificate(b[:i]); err == nil {
			t.Fatalf("ParseServerCertificate of %d bytes of %d: no error", i, len(b))
		}
	}
}

// chain is a root and a leaf for a key of ours.
func chain(t testing.TB, k *rdpsec.PublicKey) [][]byte {
	t.Helper()
	rootKey, err := rsa.GenerateKey(random(1), 1024)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2003, 3, 3, 9, 0, 0, 0, time.UTC)
	root := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "root"}, NotBefore: at, NotAfter: at.AddDate(10, 0, 0),
		IsCA: true, BasicConstraintsValid: true}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "termsrv"}, NotBefore: at, NotAfter: at.AddDate(10, 0, 0)}
	rootDER, err := x509.CreateCertificate(random(2), root, root, rootKey.Public(), rootKey)
	if err != nil {
		t.Fatal(err)
	}
	leafDER, err := x509.CreateCertificate(random(2), leaf, root, k.RSA(), rootKey)
	if err != nil {
		t.Fatal(err)
	}
	return [][]byte{rootDER, leafDER}
}

func TestX509(t *testing.T) {
	k := key512(t)
	c := chain(t, k.Public())
	for name, b := range map[string][]byte{
		"two":       rdpsec.X509Certificate(c),
		"one":       rdpsec.X509Certificate(c[1:]),
		"temporary": append([]byte{2, 0, 0, 0x80}, rdpsec.X509Certificate(c)[4:]...),
	} {
		key, err := rdpsec.ParseServerCertificate(b)
		if err != nil || key.N.Cmp(k.N) != 0 || key.E != k.E {
			t.Errorf("%s: parsed %v, %v", name, key, err)
		}
		everyPrefixFails(t, b, len(b)-8-4*int(b[4])) // the padding may be short
	}
}

func TestParseRefuses(t *testing.T) {
	k := key512(t)
	good := rdpsec.ProprietaryCertificate(k.Public())
	spoil := func(at int, v ...byte) []byte {
		b := bytes.Clone(good)
		copy(b[at:], v)
		return b
	}
	x509Head := func(n uint32, rest ...byte) []byte {
		return append(binary.LittleEndian.AppendUint32([]byte{2, 0, 0, 0}, n), rest...)
	}
	for name, tt := range map[string]struct {
		b    []byte
		want string
	}{
		"version 3":         {spoil(0, 3), "dwVersion 3"},
		"signature alg":     {spoil(4, 2), "dwSigAlgId 2"},
		"key alg":           {spoil(8, 9), "dwKeyAlgId 9"},
		"blob type":         {spoil(12, 7), "wPublicKeyBlobType 0x7"},
		"magic":             {spoil(16, 'X'), "magic"},
		"keylen":            {spoil(20, 0xff, 0xff), "keylen 65535"},
		"even modulus":      {spoil(36, 0), "even"},
		"exponent 1":        {spoil(32, 1, 0, 0, 0), "public exponent 1"},
		"short modulus":     {spoil(36+62, 0, 0), "modulus of 4"},
		"trailing byte":     {append(bytes.Clone(good), 0), "trailing"},
		"empty chain":       {x509Head(0), "no certificate"},
		"long chain":        {x509Head(201), "NumCertBlobs 201"},
		"long certificate":  {x509Head(1, 0, 0, 1, 0), "cbCert 65536"},
		"not a certificate": {x509Head(1, 2, 0, 0, 0, 0x30, 0), "certificate"},
	} {
		if _, err := rdpsec.ParseServerCertificate(tt.b); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want %q in it", name, err, tt.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	k := key512(f)
	der, err := k.Marshal()
	if err != nil {
		f.Fatal(err)
	}
	spec, _ := hex.DecodeString(specCertificate)
	f.Add(spec)
	f.Add(rdpsec.ProprietaryCertificate(k.Public()))
	f.Add(rdpsec.X509Certificate(chain(f, k.Public())))
	f.Add(der)
	f.Fuzz(func(t *testing.T, b []byte) {
		if key, err := rdpsec.ParseServerCertificate(b); err == nil {
			made := rdpsec.ProprietaryCertificate(key)
			again, err := rdpsec.ParseServerCertificate(made)
			if err != nil || again.N.Cmp(key.N) != 0 || again.E != key.E {
				t.Errorf("certificate made of the key %v is parsed as %v, %v", key, again, err)
			}
			key.Encrypt(make([]byte, rdpsec.PremasterSize))
		}
		if private, err := rdpsec.ParsePrivateKey(b); err == nil {
			if _, err := private.Marshal(); err != nil {
				t.Error(err)
			}
		}
		k.Decrypt(b, rdpsec.PremasterSize) // any block, no panic
	})
}
