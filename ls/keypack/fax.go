package keypack

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// FaxPage is what the licensing wizard prints to be faxed to the clearinghouse, and
// what the clearinghouse reads: "A return fax number is required to complete the
// transaction in this way" (white paper, Fax).
type FaxPage struct {
	Operation string            // "activate", "reactivate", "install", "print"
	Return    string            // fax number that the answer goes to
	Fields    map[string]string // by their names; a document is no field of a page
}

const (
	faxHead = "TSLAB FAX TO THE CLEARINGHOUSE"
	faxEnd  = "END OF PAGE"
	maxPage = 16 << 10
)

// Print is the page, a field a line. It refuses what the clearinghouse would refuse.
func (p FaxPage) Print() (string, error) {
	if err := p.check(); err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\noperation: %s\nreturn-fax: %s\n", faxHead, p.Operation, strings.TrimSpace(p.Return))
	for _, name := range slices.Sorted(maps.Keys(p.Fields)) {
		if value := strings.TrimSpace(p.Fields[name]); value != "" {
			fmt.Fprintf(&b, "%s: %s\n", name, value)
		}
	}
	fmt.Fprintf(&b, "\n%s\n", faxEnd)
	return b.String(), nil
}

func (p FaxPage) check() error {
	if err := checkFaxNumber(p.Return); err != nil {
		return err
	}
	for name, value := range p.Fields {
		if strings.ContainsAny(strings.TrimSpace(value), "\r\n") {
			return Fault(name, "send a document by another connection method", "a page holds one line a field")
		}
	}
	return nil
}

func checkFaxNumber(number string) error {
	number = strings.TrimSpace(number)
	if number == "" {
		return Fault("return-fax", "give the number that the clearinghouse shall fax its answer to", "it is empty")
	}
	digits := 0
	for _, r := range number {
		if r >= '0' && r <= '9' {
			digits++
		} else if !strings.ContainsRune("+-()/ ", r) {
			return Fault("return-fax", "give digits, blanks and + only", "%.30q is no telephone number", number)
		}
	}
	if digits < 3 || digits > 15 {
		return Fault("return-fax", "give it with its area code", "%.30q has %d digits", number, digits)
	}
	return nil
}

// ReadFax reads a page. Errors are [Faults].
func ReadFax(text string) (FaxPage, error) {
	p := FaxPage{Fields: map[string]string{}}
	const field = "page"
	if len(text) > maxPage {
		return p, Fault(field, "send one page", "%d bytes are more than a page has", len(text))
	}
	_, rest, ok := strings.Cut(text, faxHead)
	if !ok {
		return p, Fault(field, "send the page that licmgr printed", "no line says %q", faxHead)
	}
	body, _, ok := strings.Cut(rest, faxEnd)
	if !ok {
		return p, Fault(field, "send it again", "the page has no end")
	}
	for line := range strings.Lines(body) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		name, value = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)
		if _, twice := p.Fields[name]; !ok || twice {
			return p, Fault(field, "send the page as it was printed", "%.60q cannot be read, or says something twice", line)
		}
		p.Fields[name] = value
	}
	p.Operation, p.Return = p.Fields["operation"], p.Fields["return-fax"]
	delete(p.Fields, "operation")
	delete(p.Fields, "return-fax")
	return p, p.check()
}
