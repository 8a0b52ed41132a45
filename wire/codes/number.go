package codes

import (
	"fmt"
	"strings"
)

// Number is an agreement number of a volume licensing program: LAB- and digits, the
// last of them a check by H. M. Damm's table, which finds every wrong digit and every
// two neighbors that are swapped.
type Number struct {
	Name   string // as messages call it
	Digits int    // without the prefix
}

// String is the number's name.
func (n Number) String() string { return n.Name }

// EnrollmentNumber is that of a Select or Enterprise enrollment. It and the next two
// have as many digits as the programs' own (Win32_TSLicenseKeyPack, methods
// InstallAgreementLicenseKeyPack and InstallOpenLicenseKeyPack).
func EnrollmentNumber() Number { return Number{"enrollment number", 7} }

// AgreementNumber is that of a Campus, School or other agreement.
func AgreementNumber() Number { return Number{"agreement number", 7} }

// OpenLicenseNumber is the license number of an Open license.
func OpenLicenseNumber() Number { return Number{"license number", 8} }

const damm = "0317598642" + "7092154863" + "4206871359" + "1750983426" + "6123045978" + "3674209581" + "5869720134" + "8945362017" + "9438617205" + "2581436790"

func dammCheck(digits string) byte {
	row := byte('0')
	for i := range len(digits) {
		row = damm[int(row-'0')*10+int(digits[i]-'0')]
	}
	return row
}

// Make is the number whose digits before the check are value's.
func (n Number) Make(value uint64) string {
	digits := fmt.Sprintf("%0*d", n.Digits-1, value)
	digits = digits[len(digits)-(n.Digits-1):]
	return Prefix + "-" + digits + string(dammCheck(digits))
}

// Canonical is the printed form of what somebody has typed. The error is an [*Error].
func (n Number) Canonical(typed string) (string, error) {
	fail := func(remedy, format string, args ...any) (string, error) {
		return "", &Error{Name: n.Name, Reason: fmt.Sprintf(format, args...), Remedy: remedy}
	}
	if len(typed) > maxTyped {
		return fail("type the number and nothing else", "%d bytes are far more than its %d digits", len(typed), n.Digits)
	}
	all, _ := squeeze(typed)
	digits, ok := strings.CutPrefix(all, Prefix)
	switch {
	case all == "":
		return fail(fmt.Sprintf("type LAB- and its %d digits, as they stand in the purchase record", n.Digits), "it is empty")
	case !ok:
		return fail("type it whole, from LAB on; numbers of other makers are of no use here", "it does not begin with LAB")
	case strings.Trim(digits, "0123456789") != "":
		return fail("type digits, as they stand in the purchase record", "%s is not all digits", shown(digits))
	case len(digits) != n.Digits:
		return fail("count them", "it has %d digits, not %d", len(digits), n.Digits)
	case dammCheck(digits) != '0':
		return fail("compare it with the purchase record", "a digit is mistyped, or two are swapped")
	}
	return Prefix + "-" + digits, nil
}
