package keypack

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzReadFax: a page that can be read, and that could be printed, is the same one when
// it is printed and read again.
func FuzzReadFax(f *testing.F) {
	page := FaxPage{Operation: "install", Return: "+47 22 00 00 00", Fields: map[string]string{"program": "select", "count": "25"}}
	text, err := page.Print()
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{text, strings.ToLower(text), strings.ReplaceAll(text, "\n", "\r\n"), "before\n" + text + "behind", text[:len(text)-4], faxHead + faxEnd, faxHead + "\nreturn-fax: 123\na: b\na: c\n" + faxEnd, ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ReadFax(text)
		if err != nil {
			if FaultsOf(err) == nil {
				t.Fatalf("%q: %v is no fault of a field", text, err)
			}
			return
		}
		again, err := p.Print()
		if err != nil {
			t.Fatalf("%q: read, and cannot be printed: %v", text, err)
		}
		q, err := ReadFax(again)
		if err != nil {
			t.Fatalf("%q: %v", again, err)
		}
		for name, value := range p.Fields {
			if value == "" { // an empty one is not printed
				delete(p.Fields, name)
			}
		}
		if diff := cmp.Diff(p, q); diff != "" {
			t.Fatalf("-first +again:\n%s", diff)
		}
	})
}
