package rdpsec_test

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"testing"

	"github.com/tslab/tslab/wire/rdpsec"
)

func TestRSA(t *testing.T) {
	for _, bits := range []int{512, 528, 768, 1024, 2048, 3072} {
		t.Run(fmt.Sprint(bits), func(t *testing.T) {
			if bits > 2048 && testing.Short() {
				t.Log("long keys are left to the full run")
				return
			}
			k, err := rdpsec.GenerateKey(random(byte(bits/16)), bits)
			if err != nil {
				t.Fatal(err)
			}
			if k.N.BitLen() != bits || k.Size() != bits/8 {
				t.Errorf("modulus of %d bits in %d bytes, want %d", k.N.BitLen(), k.Size(), bits)
			}
			for _, n := range []int{rdpsec.RandomSize, rdpsec.PremasterSize} {
				secret := bytes.Repeat([]byte{0xa5}, n)
				secret[0] = byte(n)
				block := k.Encrypt(secret)
				if len(block) != k.Size()+8 || !bytes.Equal(block[k.Size():], make([]byte, 8)) {
					t.Errorf("block of %d bytes that ends in % x", len(block), block[k.Size():])
				}
				for _, b := range [][]byte{block, block[:k.Size()]} {
					if got, err := k.Decrypt(b, n); err != nil || !bytes.Equal(got, secret) {
						t.Errorf("Decrypt of %d bytes = %x, %v", len(b), got, err)
					}
				}
			}
		})
	}
}

func TestDecryptOddBlocks(t *testing.T) {
	k := key512(t)
	// rdesktop's premaster: 72 zero bytes for a key of any size.
	if got, err := k.Decrypt(make([]byte, 72), 48); err != nil || !bytes.Equal(got, make([]byte, 48)) {
		t.Errorf("Decrypt of zeros = %x, %v", got, err)
	}
	if got, err := k.Decrypt(nil, 32); err != nil || len(got) != 32 {
		t.Errorf("Decrypt of nothing = %x, %v", got, err)
	}
	n := k.N.Bytes()
	slices.Reverse(n)
	for name, block := range map[string][]byte{"the modulus": n, "all ones": bytes.Repeat([]byte{0xff}, 64), "too long": append(make([]byte, 64), 1)} {
		if _, err := k.Decrypt(block, 48); !errors.Is(err, rdpsec.ErrTooLarge) {
			t.Errorf("%s: %v, want ErrTooLarge", name, err)
		}
	}
}

func TestGenerateKey(t *testing.T) {
	a, b := key512(t), key512(t)
	if a.N.Cmp(b.N) != 0 {
		t.Error("the same random bytes made different keys")
	}
	for _, bits := range []int{0, 511, 513, 504, 4112} {
		if _, err := rdpsec.GenerateKey(random(1), bits); err == nil {
			t.Errorf("GenerateKey(%d): no error", bits)
		}
	}
	if _, err := rdpsec.GenerateKey(bytes.NewReader([]byte{1, 2}), 512); err == nil {
		t.Error("GenerateKey without enough random bytes: no error")
	}
}

func key512(t testing.TB) *rdpsec.PrivateKey {
	t.Helper()
	k, err := rdpsec.GenerateKey(random(7), 512)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestKeyFile(t *testing.T) {
	k, err := rdpsec.GenerateKey(random(3), 1024)
	if err != nil {
		t.Fatal(err)
	}
	der, err := k.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	back, err := rdpsec.ParsePrivateKey(der)
	if err != nil || back.N.Cmp(k.N) != 0 || back.E != k.E {
		t.Fatalf("ParsePrivateKey = %v, %v", back, err)
	}
	secret := []byte("a secret of no great length")
	if got, err := back.Decrypt(k.Encrypt(secret), len(secret)); err != nil || !bytes.Equal(got, secret) {
		t.Errorf("the key that was read decrypts to %q, %v", got, err)
	}
	standard, err := x509.ParsePKCS1PrivateKey(der)
	if err != nil || standard.N.Cmp(k.N) != 0 {
		t.Errorf("the standard library reads %v, %v", standard, err)
	}
	for i := range der {
		if _, err := rdpsec.ParsePrivateKey(der[:i]); err == nil {
			t.Fatalf("ParsePrivateKey of %d bytes of %d: no error", i, len(der))
		}
	}
	if _, err := rdpsec.ParsePrivateKey(append(bytes.Clone(der), 0)); err == nil {
		t.Error("ParsePrivateKey with a byte too many: no error")
	}
	for _, at := range []int{12, 80, len(der) - 200} {
		bad := bytes.Clone(der)
		bad[at] ^= 4
		if k, err := rdpsec.ParsePrivateKey(bad); err == nil && k.N.Cmp(back.N) != 0 {
			t.Errorf("ParsePrivateKey with byte %d changed: %v", at, k.N)
		}
	}
}

func TestEncryptIsTextbook(t *testing.T) {
	k := rdpsec.PublicKey{N: big.NewInt(3233), E: 17}                                                // 61 * 53
	if got := k.Encrypt([]byte{65}); !bytes.Equal(got, []byte{0xe6, 0x0a, 0, 0, 0, 0, 0, 0, 0, 0}) { // 2790
		t.Errorf("Encrypt = % x", got)
	}
}

func BenchmarkDecrypt(b *testing.B) {
	for _, bits := range []int{512, 1024, 2048} {
		k, err := rdpsec.GenerateKey(random(byte(bits/16)), bits)
		if err != nil {
			b.Fatal(err)
		}
		block := k.Encrypt(bytes.Repeat([]byte{0x5a}, 48))
		b.Run(fmt.Sprint(bits), func(b *testing.B) {
			for b.Loop() {
				if _, err := k.Decrypt(block, 48); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
