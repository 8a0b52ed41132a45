package tsls

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tslab/tslab/internal/cursor"
)

// TestNames: the names are those of the decision table, whose cells they are
// compared with.
func TestNames(t *testing.T) {
	var got []string
	for c := range lastClass + 2 {
		got = append(got, c.String())
	}
	for r := range lastRequest + 2 {
		got = append(got, r.String())
	}
	for a := range lastAnswer + 2 {
		got = append(got, a.String())
	}
	want := "none corrupt hwid-mismatch perm-fresh perm-near perm-expired temp temp-expired built-in class 9 " +
		"request 0 cal temp renew built-in internet-connector request 6 " +
		"answer 0 CAL-take CAL-own CAL-renew TEMP-new TEMP-row BUILTIN REFER KEEP DENY-expired DENY-empty DENY-stock DENY-served answer 13"
	if got := strings.Join(got, " "); got != want {
		t.Errorf("names\n%s, want\n%s", got, want)
	}
}

func TestAnswerClasses(t *testing.T) {
	for a := AnswerCALTake; a <= lastAnswer; a++ {
		issues := a <= AnswerBuiltIn
		denies := a >= AnswerDenyExpired
		if a.Issues() != issues || a.Denies() != denies {
			t.Errorf("%v: issues %v, denies %v", a, a.Issues(), a.Denies())
		}
	}
	if Answer(0).Issues() || Answer(0).Denies() {
		t.Error("the zero answer is one")
	}
}

func TestFeatures(t *testing.T) {
	for _, tt := range []struct {
		f    Features
		want string
	}{
		{0, ""}, {FeatureMark, "mark"}, {FeatureMark | FeatureExpiry, "mark,expiry"}, {FeatureReferral, "referral"}, {FeatureExpiry | 1<<31, "expiry,0x80000000"},
	} {
		if got := tt.f.String(); got != tt.want {
			t.Errorf("Features(%#x) = %q, want %q", uint32(tt.f), got, tt.want)
		}
	}
	if !(FeatureMark | FeatureExpiry).Has(FeatureMark) || FeatureMark.Has(FeatureMark|FeatureExpiry) {
		t.Error("Has")
	}
}

func TestError(t *testing.T) {
	err := fmt.Errorf("install: %w", Errorf(CodeDuplicate, "key pack %s is installed already", "LAB-1"))
	if got, want := err.Error(), "install: key pack LAB-1 is installed already"; got != want {
		t.Errorf("Error() = %q, want %q", got, want)
	}
	if !errors.Is(err, Error{Code: CodeDuplicate}) || errors.Is(err, Error{Code: CodeBusy}) {
		t.Error("errors.Is asks for the code")
	}
	if errors.Is(err, Error{CodeDuplicate, "another text"}) {
		t.Error("errors with other texts are other errors")
	}
	if got := (Error{Code: CodeOtherServer}).Error(); got != "other server" {
		t.Errorf("without text: %q", got)
	}
	if got := Code(99).String(); got != "code 99" {
		t.Errorf("Code(99) = %q", got)
	}
	_, parse := Parse([]byte{0x7f})
	if e := ErrorFor(parse); e.Code != CodeUnknownType || !strings.Contains(e.Text, "version 1") {
		t.Errorf("ErrorFor(%v) = %+v", parse, e)
	}
	_, parse = Parse([]byte{byte(TypeMark)})
	if e := ErrorFor(parse); e.Code != CodeMalformed || !strings.Contains(e.Text, cursor.ErrTruncated.Error()) {
		t.Errorf("ErrorFor(%v) = %+v", parse, e)
	}
}

// TestErrorfIsSendable: an error that quotes anything can be sent.
func TestErrorfIsSendable(t *testing.T) {
	for _, s := range []string{"", "\xff\xfe", strings.Repeat("\u00e9", MaxText), strings.Repeat("x", MaxText-1) + "\u20ac"} {
		e := Errorf(CodeInternal, "%s", s)
		if !utf8.ValidString(e.Text) || len(e.Text) > MaxText {
			t.Errorf("Errorf(%.20q...) has a text of %d bytes", s, len(e.Text))
		}
		if _, err := Append(nil, e); err != nil {
			t.Error(err)
		}
	}
}
