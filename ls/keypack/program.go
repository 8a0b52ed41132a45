package keypack

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/wire/codes"
	"github.com/tslab/tslab/wire/token"
)

// Program is the licensing program under which tokens were bought, by the name that
// the licensing tool shows.
type Program string

// The programs that the licensing tool offers (white paper, Install Licenses).
const (
	LicenseCode Program = "License Code"
	OpenLicense Program = "Open License"
	Select      Program = "Select"
	Enterprise  Program = "Enterprise"
	Campus      Program = "Campus Agreement"
	School      Program = "School Agreement"
	Other       Program = "Other"
)

// Programs lists them in the tool's order. Key Pack IDs hold a program by its place.
func Programs() []Program {
	return []Program{LicenseCode, OpenLicense, Select, Enterprise, Campus, School, Other}
}

// Known reports whether p is one of [Programs].
func (p Program) Known() bool { return slices.Contains(Programs(), p) }

// ParseProgram finds a program by its name, or by its name as a flag has it:
// "license-code", "open", "select", "enterprise", "campus", "school", "other".
func ParseProgram(s string) (Program, error) {
	var flags []string
	for _, p := range Programs() {
		if strings.EqualFold(s, string(p)) || strings.EqualFold(s, p.Flag()) {
			return p, nil
		}
		flags = append(flags, p.Flag())
	}
	return "", &FieldError{Field: "program", Problem: fmt.Sprintf("there is no licensing program %q", s), Remedy: "choose one of " + strings.Join(flags, ", ")}
}

// Flag is the program's name on a command line.
func (p Program) Flag() string {
	if p == LicenseCode {
		return "license-code"
	}
	first, _, _ := strings.Cut(strings.ToLower(string(p)), " ")
	return first
}

// Label is how the tool of the edition offers the program. A License Code is installed
// under "Other" in Windows 2000 (white paper, License Purchase) and under "License
// Pack" in Windows Server 2003.
func (p Program) Label(e edition.Edition) string {
	switch {
	case p == LicenseCode && e == edition.Server2003:
		return "License Pack (Retail Purchase)"
	case p == LicenseCode:
		return "Other (License Code)"
	case p == Other:
		return "Another agreement"
	}
	return string(p)
}

// Sells reports whether the program sells tokens of the kind: the Internet Connector
// license is available "under the Microsoft Open, Select, and Enterprise Agreement
// volume licensing programs" only (white paper, Internet Connector Licensing).
func (p Program) Sells(kind token.Kind) bool {
	return kind != token.InternetConnector || p == OpenLicense || p == Select || p == Enterprise
}

// FieldError is the answer to something that an administrator has put in: in which
// field, what is wrong with it, and what to do.
type FieldError struct {
	Field   string `json:"field"` // by its name in forms and flags
	Problem string `json:"problem"`
	Remedy  string `json:"remedy"`
}

func (e *FieldError) Error() string { return e.Field + ": " + e.Problem + "; " + e.Remedy }

// Field is something that a program asks for.
type Field struct {
	Name  string // in forms and flags
	Label string // for a human
	Help  string // its shape
	check func(string) (string, error)
}

// Check is the printed form of what was put in, or a [*FieldError].
func (f Field) Check(typed string) (string, error) {
	value, err := f.check(typed)
	if err == nil {
		return value, nil
	}
	if e, ok := errors.AsType[*FieldError](err); ok {
		return "", e
	}
	if e, ok := errors.AsType[*codes.Error](err); ok {
		return "", &FieldError{Field: f.Name, Problem: e.Reason, Remedy: e.Remedy}
	}
	return "", &FieldError{Field: f.Name, Problem: err.Error(), Remedy: "compare it with the purchase record"}
}

// Cause is the error behind that of Check; of a code it is a [*codes.Error], which
// tells the groups.
func (f Field) Cause(typed string) error {
	_, err := f.check(typed)
	return err
}

// Optional reports a field that may be left empty.
func (f Field) Optional() bool {
	_, err := f.check("")
	return err == nil
}

// PlainField is one that the clearinghouse alone can check.
func PlainField(name, label string) Field {
	return Field{Name: name, Label: label, check: func(s string) (string, error) { return strings.TrimSpace(s), nil }}
}

// CheckedField is one with a check of its own, whose error is a [*FieldError].
func CheckedField(name, label string, check func(string) (string, error)) Field {
	return Field{Name: name, Label: label, check: check}
}

func codeField(name string, k codes.Kind) Field {
	return Field{name, strings.ToUpper(k.String()[:1]) + k.String()[1:], fmt.Sprintf("%d letters and digits, LAB-%c...", k.Size(), k),
		func(s string) (string, error) { return codes.Canonical(k, s) }}
}

func numberField(name string, n codes.Number) Field {
	return Field{name, strings.ToUpper(n.Name[:1]) + n.Name[1:], fmt.Sprintf("LAB- and %d digits", n.Digits), n.Canonical}
}

// ServerIDField is the License Server ID, which no program asks for and all need.
func ServerIDField() Field { return codeField("server-id", codes.LicenseServerID) }

// ProductIDField is the Product ID, by which a license server is activated.
func ProductIDField() Field { return codeField("product-id", codes.ProductID) }

// PackIDField is the Key Pack ID, which is typed at a license server.
func PackIDField() Field { return codeField("pack-id", codes.KeyPackID) }

// ConfirmationField is the code by which the clearinghouse confirms a deactivation.
func ConfirmationField() Field { return codeField("confirmation", codes.Confirmation) }

// Fields are the numbers that the program identifies a purchase by, in the order in
// which a purchase record has them (white paper, Install Licenses).
func (p Program) Fields() []Field {
	switch p {
	case LicenseCode:
		f := codeField("license-code", codes.LicenseCode)
		f.check = func(s string) (string, error) {
			code, _, err := codes.ReadLicenseCode(s)
			return code, err
		}
		return []Field{f}
	case OpenLicense:
		return []Field{numberField("license-number", codes.OpenLicenseNumber()), codeField("authorization-number", codes.Authorization)}
	case Select, Enterprise:
		return []Field{numberField("enrollment-number", codes.EnrollmentNumber())}
	case Campus, School, Other:
		return []Field{numberField("agreement-number", codes.AgreementNumber())}
	}
	return nil
}

// Check reads what was put in for the program's fields, by their names. It returns
// the numbers in their printed form and order, or every fault that it finds. A field
// of another program that is filled in is a fault too.
func (p Program) Check(values map[string]string) (numbers []string, faults []*FieldError) {
	own := map[string]bool{}
	for _, f := range p.Fields() {
		own[f.Name] = true
		value, err := f.Check(values[f.Name])
		if e, ok := errors.AsType[*FieldError](err); ok {
			faults = append(faults, e)
		}
		numbers = append(numbers, value)
	}
	for _, other := range Programs() {
		for _, f := range other.Fields() {
			if !own[f.Name] && strings.TrimSpace(values[f.Name]) != "" {
				own[f.Name] = true
				faults = append(faults, &FieldError{f.Name, fmt.Sprintf("the program %s has no %s", p, strings.ToLower(f.Label)), fmt.Sprintf("leave it empty, or choose the program %s", other)})
			}
		}
	}
	if faults != nil {
		return nil, faults
	}
	return numbers, nil
}

// Faults is everything that is wrong with what an administrator has put in.
type Faults []*FieldError

func (f Faults) Error() string {
	var list []string
	for _, e := range f {
		list = append(list, e.Error())
	}
	return strings.Join(list, "\n")
}

// Fault is an error about one field.
func Fault(field, remedy, format string, args ...any) error {
	return Faults{{Field: field, Problem: fmt.Sprintf(format, args...), Remedy: remedy}}
}

// FaultsOf is the faults that an error consists of; nil for any other error.
func FaultsOf(err error) Faults {
	if f, ok := errors.AsType[Faults](err); ok {
		return f
	}
	if e, ok := errors.AsType[*FieldError](err); ok {
		return Faults{e}
	}
	return nil
}
