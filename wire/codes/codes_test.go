package codes

import (
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
)

func kinds() []Kind {
	return []Kind{LicenseServerID, KeyPackID, LicenseCode, ProductID, Authorization, Confirmation}
}

// sample is a code of the kind; another n gives another one.
func sample(k Kind, n byte) string { return hashed(k, []byte{n}) }

// squeezed is a code's letters and digits.
func squeezed(code string) string { return strings.ReplaceAll(code, "-", "") }

// proves R62, R159, R162, R163
func TestForm(t *testing.T) {
	for k, want := range map[Kind]string{
		LicenseServerID: "35 7", KeyPackID: "35 7", LicenseCode: "25 5", ProductID: "25 5", Authorization: "15 3", Confirmation: "15 3",
	} {
		if got := fmt.Sprint(k.Size(), k.Groups()); got != want {
			t.Errorf("%v: size and groups %s, want %s", k, got, want)
		}
		code := sample(k, 1)
		if len(squeezed(code)) != k.Size() || !strings.HasPrefix(code, "LAB-"+string(rune(k))) || strings.Count(code, "-") != k.Groups() {
			t.Errorf("%v: %s", k, code)
		}
		if !Valid(k, code) || Valid(k, strings.ToLower(code)) {
			t.Errorf("%v: Valid of %s and of its small letters", k, code)
		}
		for _, v := range []*big.Int{new(big.Int), new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), uint(k.Bits())), big.NewInt(1))} {
			if got, err := decode(k, encode(k, v)); err != nil || got.Cmp(v) != 0 {
				t.Errorf("%v: %v comes back as %v, %v", k, v, got, err)
			}
		}
	}
	if strings.ContainsAny(Alphabet, "0O1IL2S5B8GU9") || len(Alphabet) != 23 {
		t.Errorf("alphabet %s", Alphabet)
	}
	if Kind('X').String() != `code 'X'` {
		t.Error(Kind('X'))
	}
}

// Every single wrong character, in every place, with every other letter or digit, is
// found, and but for the first group its own group is named.
func TestEverySingleError(t *testing.T) {
	for _, k := range kinds() {
		for n := range byte(4) {
			code := squeezed(sample(k, n))
			for at := range code {
				for c := byte('0'); c <= 'Z'; c++ {
					if c == code[at] || c > '9' && c < 'A' {
						continue
					}
					typed := code[:at] + string(c) + code[at+1:]
					_, err := Canonical(k, typed)
					wrong, ok := errors.AsType[*Error](err)
					if !ok {
						t.Fatalf("%v: %s with %c at %d: %v", k, code, c, at, err)
					}
					if want := groupAt(at); want > 1 && !slices.Equal(wrong.Groups, []int{want}) {
						t.Fatalf("%v: %s with %c at %d: blames %v, want group %d: %v", k, code, c, at, wrong.Groups, want, err)
					}
				}
			}
		}
	}
}

// groupAt is the group of a character's place; 0 is the prefix.
func groupAt(at int) int {
	switch {
	case at < len(Prefix):
		return 0
	case at < len(Prefix)+2:
		return 1
	default:
		return 2 + (at-len(Prefix)-2)/groupSize
	}
}

// Every swap of two neighbors is found, within a group and across a dash, for every
// pair of characters.
func TestEveryAdjacentSwap(t *testing.T) {
	for _, k := range kinds() {
		swaps := 0
		for n := range byte(40) {
			code := squeezed(sample(k, n))
			for at := range len(code) - 1 {
				if code[at] == code[at+1] {
					continue
				}
				b := []byte(code)
				b[at], b[at+1] = b[at+1], b[at]
				if got, err := Canonical(k, string(b)); err == nil {
					t.Fatalf("%v: %s with %d and %d swapped is taken as %s", k, code, at, at+1, got)
				}
				swaps++
			}
		}
		if swaps < 400 {
			t.Errorf("%v: only %d swaps", k, swaps)
		}
	}
	for _, group := range allPairs() { // whatever stands there
		for i := range groupSize - 1 {
			other := slices.Clone(group)
			other[i], other[i+1] = other[i+1], other[i]
			if group[i] != group[i+1] && groupCheck(3, other[:payload]) == other[payload] {
				t.Fatalf("%v and %v are both sound", group, other)
			}
		}
	}
}

// allPairs is groups with every pair of characters in every neighborhood.
func allPairs() [][]int {
	var list [][]int
	for a := range base {
		for b := range base {
			for at := range payload - 1 {
				g := []int{7, 11, 2, 5}
				g[at], g[at+1] = a, b
				list = append(list, append(g, groupCheck(3, g)))
			}
			g := []int{a, 9, 4, b}
			list = append(list, append(g, groupCheck(3, g)))
		}
	}
	return list
}

func TestSwappedGroups(t *testing.T) {
	for _, k := range kinds() {
		groups := strings.Split(sample(k, 3), "-")
		for a := 2; a < len(groups); a++ {
			for b := a + 1; b < len(groups); b++ {
				swapped := slices.Clone(groups)
				swapped[a], swapped[b] = swapped[b], swapped[a]
				_, err := Canonical(k, strings.Join(swapped, "-"))
				wrong, ok := errors.AsType[*Error](err)
				if !ok || !slices.Equal(wrong.Groups, []int{a, b}) {
					t.Errorf("%v: groups %d and %d swapped: %v", k, a, b, err)
				}
			}
		}
	}
}

func TestForgiven(t *testing.T) {
	code := sample(KeyPackID, 1)
	for _, typed := range []string{
		strings.ToLower(code), squeezed(code), strings.ReplaceAll(code, "-", " "), "  " + code + "\t\n", strings.ReplaceAll(code, "-", " – "),
		strings.ReplaceAll(code, "-", "\u2011"), strings.ReplaceAll(code, "-", "_"), strings.ReplaceAll(code, "-", "."), strings.Join(Spell(code), "  "),
		strings.Join(strings.Split(squeezed(code), ""), " "), code[:9] + "-" + code[9:],
	} {
		if got, err := Canonical(KeyPackID, typed); err != nil || got != code {
			t.Errorf("%q: %q, %v", typed, got, err)
		}
	}
}

func TestMistyped(t *testing.T) {
	id := sample(LicenseServerID, 1)
	other := sample(KeyPackID, 1)
	for _, tt := range []struct{ name, typed, want string }{
		{"empty", " - ", "License Server ID: it is empty; type its 35 characters, from LAB-A on"},
		{"huge", strings.Repeat("A", 1<<20), "1048576 bytes are far more than its 35 characters; type the code and nothing else"},
		{"another maker's", "BCDFG-HJKMP-QRTVW-XY234-6789B-CDFGH-JKMPQ", "it does not begin with LAB"},
		{"another kind", other, "this is a Key Pack ID: it begins with LAB-K; type the code that begins with LAB-A"},
		{"one short", id[:len(id)-1], "group 7 (" + id[len(id)-5:len(id)-1] + ") has 4 characters, not 5; read that group again"},
		{"one short, no dashes", squeezed(id)[:34], "it has 34 characters, not 35; count the characters of each group"},
		{"one long", id + "A", "group 7 (" + id[len(id)-5:] + "A) has 6 characters, not 5"},
		{"a look-alike", id[:7] + "O" + id[8:], "group 2 (O" + id[8:12] + ") has 'O', which no code has; read that group again; the characters are " + Alphabet},
		{"binary", "LAB-A\x00\xff\xfe" + id[8:], "it has"},
		{"not ASCII", "LAB-A" + strings.Repeat("Ä", 31), "it has characters that no code has"},
	} {
		_, err := Canonical(LicenseServerID, tt.typed)
		if _, ok := errors.AsType[*Error](err); !ok || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v\nwant %s", tt.name, err, tt.want)
		}
	}
}

func TestServerID(t *testing.T) {
	cert := &x509.Certificate{AuthorityKeyId: []byte{1}, SerialNumber: big.NewInt(2), RawSubjectPublicKeyInfo: []byte{3}}
	id := ServerID(cert)
	if id != ServerID(cert) || !Valid(LicenseServerID, id) {
		t.Error(id)
	}
	for _, change := range []func(){
		func() { cert.AuthorityKeyId = []byte{9} }, func() { cert.SerialNumber = big.NewInt(9) }, func() { cert.RawSubjectPublicKeyInfo = []byte{9} },
	} {
		before := ServerID(cert)
		if change(); ServerID(cert) == before {
			t.Error("another certificate has the same License Server ID")
		}
	}
}

func TestPackID(t *testing.T) {
	secret, server := []byte("secret"), sample(LicenseServerID, 1)
	for _, p := range []Pack{
		{Count: 1}, {Kind: 15, Product: 15, Program: 15, Count: MaxCount, Serial: 1<<serialBits - 1}, {Kind: 1, Product: 2, Program: 3, Count: 25, Serial: 77},
	} {
		id, err := PackID(secret, server, p)
		if err != nil || !Valid(KeyPackID, id) {
			t.Fatalf("%+v: %s, %v", p, id, err)
		}
		if got, err := ReadPackID(secret, server, strings.ToLower(id)); err != nil || got != p {
			t.Errorf("%s: %+v, %v; want %+v", id, got, err, p)
		}
		if _, err := ReadPackID(secret, sample(LicenseServerID, 2), id); !errors.Is(err, ErrOtherServer) {
			t.Errorf("another server: %v", err)
		}
		if _, err := ReadPackID([]byte("other"), server, id); !errors.Is(err, ErrOtherServer) {
			t.Errorf("another clearinghouse: %v", err)
		}
		forged := new(big.Int)
		forged.Add(must(decode(KeyPackID, id)), new(big.Int).Lsh(big.NewInt(1), uint(KeyPackID.Bits()-packBits+serialBits)))
		if forged.BitLen() <= KeyPackID.Bits() {
			if _, err := ReadPackID(secret, server, encode(KeyPackID, forged)); !errors.Is(err, ErrOtherServer) {
				t.Errorf("one token more: %v", err)
			}
		}
	}
	for _, p := range []Pack{{}, {Count: MaxCount + 1}, {Count: 1, Kind: 16}, {Count: 1, Product: 16}, {Count: 1, Program: 16}, {Count: 1, Serial: 1 << serialBits}} {
		if id, err := PackID(secret, server, p); err == nil {
			t.Errorf("%+v is %s", p, id)
		}
	}
	if _, err := ReadPackID(secret, server, "LAB-K"); err == nil || errors.Is(err, ErrOtherServer) {
		t.Errorf("mistyped: %v", err)
	}
}

func must(v *big.Int, err error) *big.Int {
	if err != nil {
		panic(err)
	}
	return v
}

// proves R159
func TestLicenseCode(t *testing.T) {
	for _, b := range []Bought{{Count: 1}, {Kind: 15, Product: 15, Count: MaxCount}, {Kind: 1, Product: 2, Count: 20}} {
		code, err := NewLicenseCode(b, sha256.Sum256([]byte{1}))
		if err != nil || len(squeezed(code)) != 25 {
			t.Fatalf("%+v: %s, %v", b, code, err)
		}
		canonical, got, err := ReadLicenseCode(strings.ToLower(squeezed(code)))
		if err != nil || got != b || canonical != code {
			t.Errorf("%s: %+v, %v; want %+v", code, got, err, b)
		}
		if again, err := NewLicenseCode(b, sha256.Sum256([]byte{2})); err != nil || again == code {
			t.Errorf("a second one: %s, %v", again, err)
		}
	}
	if code, err := NewLicenseCode(Bought{Count: 0}, [32]byte{}); err == nil {
		t.Errorf("of nothing: %s", code)
	}
	if _, _, err := ReadLicenseCode(encode(LicenseCode, new(big.Int))); err == nil || !strings.Contains(err.Error(), "it stands for no licenses") {
		t.Errorf("zero: %v", err)
	}
	if _, _, err := ReadLicenseCode(""); err == nil {
		t.Error("empty is taken")
	}
}

func TestMadeOfChance(t *testing.T) {
	for _, tt := range []struct {
		kind Kind
		make func([32]byte) string
	}{{ProductID, NewProductID}, {Authorization, NewAuthorization}} {
		a, b := tt.make([32]byte{1}), tt.make([32]byte{2})
		if a == b || !Valid(tt.kind, a) || !Valid(tt.kind, b) {
			t.Errorf("%v: %s, %s", tt.kind, a, b)
		}
	}
	c := ConfirmationCode([]byte("k"), "LAB-A")
	if !Valid(Confirmation, c) || c == ConfirmationCode([]byte("l"), "LAB-A") || c == ConfirmationCode([]byte("k"), "LAB-B") {
		t.Error(c)
	}
}

func TestNumbers(t *testing.T) {
	for _, n := range []Number{EnrollmentNumber(), AgreementNumber(), OpenLicenseNumber()} {
		for _, v := range []uint64{0, 1, 572, 999999, 123456789012} {
			number := n.Make(v)
			if len(number) != len("LAB-")+n.Digits {
				t.Errorf("%v: %s", n, number)
			}
			if got, err := n.Canonical(" " + strings.ToLower(number)); err != nil || got != number {
				t.Errorf("%s: %s, %v", number, got, err)
			}
			checkDigits(t, n, number)
		}
	}
	n := EnrollmentNumber()
	for typed, want := range map[string]string{
		"": "enrollment number: it is empty; type LAB- and its 7 digits", "1234567": "it does not begin with LAB", "LAB-12345": "it has 5 digits, not 7; count them",
		"LAB-12345a7": "12345A7 is not all digits", strings.Repeat("1", 300): "300 bytes are far more than its 7 digits",
	} {
		if _, err := n.Canonical(typed); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %s", typed, err, want)
		}
	}
}

// checkDigits makes every single error and every swap of neighbors in a number.
func checkDigits(t *testing.T, n Number, number string) {
	t.Helper()
	for at := len("LAB-"); at < len(number); at++ {
		for c := byte('0'); c <= '9'; c++ {
			if typed := number[:at] + string(c) + number[at+1:]; typed != number {
				if _, err := n.Canonical(typed); err == nil {
					t.Fatalf("%s is taken for %s", typed, number)
				}
			}
		}
		if at+1 < len(number) && number[at] != number[at+1] {
			b := []byte(number)
			b[at], b[at+1] = b[at+1], b[at]
			if _, err := n.Canonical(string(b)); err == nil {
				t.Fatalf("%s is taken for %s", b, number)
			}
		}
	}
}

func TestSpell(t *testing.T) {
	if got := Spell("LAB-AC-X3C4M"); !slices.Equal(got, []string{"L A B", "A C", "X 3 C 4 M"}) {
		t.Errorf("%q", got)
	}
}

func FuzzCanonical(f *testing.F) {
	for _, k := range kinds() {
		f.Add(sample(k, 1))
		f.Add(strings.ToLower(squeezed(sample(k, 2))))
	}
	f.Add("LAB-1234567")
	f.Add("")
	f.Fuzz(func(t *testing.T, typed string) {
		for _, k := range kinds() {
			code, err := Canonical(k, typed)
			if err != nil {
				continue
			}
			if again, err := Canonical(k, code); err != nil || again != code {
				t.Errorf("%q is %q, and that is %q, %v", typed, code, again, err)
			}
		}
		for _, n := range []Number{EnrollmentNumber(), OpenLicenseNumber()} {
			if number, err := n.Canonical(typed); err == nil {
				if again, err := n.Canonical(number); err != nil || again != number {
					t.Errorf("%q is %q, and that is %q, %v", typed, number, again, err)
				}
			}
		}
	})
}
