package codes

import (
	"fmt"
	"math/big"
	"strings"
)

// Kind is which code it is: its first letter behind the prefix.
type Kind byte

// The kinds.
const (
	LicenseServerID Kind = 'A'
	KeyPackID       Kind = 'K'
	LicenseCode     Kind = 'C'
	ProductID       Kind = 'P'
	Authorization   Kind = 'T' // of an Open license
	Confirmation    Kind = 'D' // that a license server was deactivated
)

const (
	// Prefix begins every code.
	Prefix = "LAB"
	// Alphabet is the characters behind it.
	Alphabet = "3467ACDEFHJKMNPQRTVWXYZ"

	base      = len(Alphabet) // a prime: the checks need it
	groupSize = 5             // the last is the check
	payload   = groupSize - 1
)

type form struct {
	kind   Kind
	name   string
	groups int // of five
}

func forms() []form {
	return []form{
		{LicenseServerID, "License Server ID", 6},
		{KeyPackID, "Key Pack ID", 6},
		{LicenseCode, "License Code", 4},
		{ProductID, "Product ID", 4},
		{Authorization, "authorization number", 2},
		{Confirmation, "confirmation code", 2},
	}
}

func (k Kind) form() form {
	for _, f := range forms() {
		if f.kind == k {
			return f
		}
	}
	return form{k, fmt.Sprintf("code %q", rune(k)), 0}
}

// String is the kind's name.
func (k Kind) String() string { return k.form().name }

// Size is the number of letters and digits, LAB with them.
func (k Kind) Size() int { return len(Prefix) + 2 + k.form().groups*groupSize }

// Groups is the number of groups behind LAB.
func (k Kind) Groups() int { return 1 + k.form().groups }

// Bits is how much a code of the kind can carry.
func (k Kind) Bits() int { return capacity(k).BitLen() - 1 }

// capacity is how many codes of the kind there are.
func capacity(k Kind) *big.Int {
	return new(big.Int).Exp(big.NewInt(int64(base)), big.NewInt(int64(k.form().groups*payload)), nil)
}

// encode writes value, which must be below 2^Bits, as a code.
func encode(k Kind, value *big.Int) string {
	digits := make([]int, k.form().groups*payload)
	rest, digit := new(big.Int).Set(value), new(big.Int)
	for i := len(digits) - 1; i >= 0; i-- {
		rest.DivMod(rest, big.NewInt(int64(base)), digit)
		digits[i] = int(digit.Int64())
	}
	var b strings.Builder
	b.WriteString(Prefix + "-")
	b.WriteByte(byte(k))
	b.WriteByte(Alphabet[wholeCheck(k, digits)])
	for i := 0; i < len(digits); i += payload {
		group := digits[i : i+payload]
		b.WriteByte('-')
		for _, d := range group {
			b.WriteByte(Alphabet[d])
		}
		b.WriteByte(Alphabet[groupCheck(i/payload, group)])
	}
	return b.String()
}

// groupCheck is the last character of the group of five that is number n. The sum of
// all five, weighted 2, 3, 4, 5 and 1, is then -7n-1: different weights find a swap,
// none of them zero a wrong character, the number a group in another's place.
func groupCheck(n int, group []int) int {
	sum := 7*n + 1
	for i, d := range group {
		sum += (i + 2) * d
	}
	return (base - sum%base) % base
}

// wholeCheck is the second character of the first group.
func wholeCheck(k Kind, digits []int) int {
	sum := 2 * strings.IndexByte(Alphabet, byte(k))
	for i, d := range digits {
		sum += (i%(base-1) + 1) * d
	}
	return sum % base
}

// Canonical is the printed form of what somebody has typed as a code of kind k. The
// error is an [*Error], which names the groups that are wrong.
func Canonical(k Kind, typed string) (string, error) {
	value, err := decode(k, typed)
	if err != nil {
		return "", err
	}
	return encode(k, value), nil
}

// Valid reports whether code is a code of kind k in its printed form.
func Valid(k Kind, code string) bool {
	canonical, err := Canonical(k, code)
	return err == nil && canonical == code
}

func decode(k Kind, typed string) (*big.Int, error) {
	groups, err := split(k, typed)
	if err != nil {
		return nil, err
	}
	var digits []int
	var wrong []int
	for n, g := range groups[1:] {
		group := indexes(g)
		if groupCheck(n, group[:payload]) != group[payload] {
			wrong = append(wrong, n+2)
		}
		digits = append(digits, group[:payload]...)
	}
	if wrong != nil {
		return nil, wrongGroups(k, groups, wrong)
	}
	first := groups[0]
	if strings.IndexByte(Alphabet, first[1]) != wholeCheck(k, digits) {
		return nil, &Error{Kind: k, Groups: []int{1}, Reason: fmt.Sprintf("group 1 (%s) does not fit the groups behind it", first),
			Remedy: "read that group again, then all the others"}
	}
	value := new(big.Int)
	for _, d := range digits {
		value.Add(value.Mul(value, big.NewInt(int64(base))), big.NewInt(int64(d)))
	}
	if value.BitLen() > k.Bits() {
		return nil, &Error{Kind: k, Reason: "no code has this value", Remedy: remedyCompare}
	}
	return value, nil
}

func indexes(group string) []int {
	list := make([]int, len(group))
	for i := range list {
		list[i] = strings.IndexByte(Alphabet, group[i])
	}
	return list
}
