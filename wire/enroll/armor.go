package enroll

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"hash/crc32"
	"strings"
)

// Kind is which document it is.
type Kind uint8

// The documents.
const (
	KindActivationRequest Kind = 1
	KindActivation        Kind = 2
	KindKeyPack           Kind = 3
	KindJoinRequest       Kind = 4
	KindJoined            Kind = 5
	KindSiteQuery         Kind = 6
	KindSiteEntry         Kind = 7
	KindSiteAnswer        Kind = 8
	KindRefusal           Kind = 9
	KindProduct           Kind = 10
	KindPurchase          Kind = 11
	KindOrder             Kind = 12
)

// String is the kind as it stands in a document's first line.
func (k Kind) String() string {
	names := [...]string{"ACTIVATION REQUEST", "ACTIVATION", "KEY PACK",
		"JOIN REQUEST", "MEMBERSHIP", "SITE QUERY", "SITE ENTRY", "SITE ANSWER", "REFUSAL", "PRODUCT", "PURCHASE", "ORDER"}
	if k < 1 || int(k) > len(names) {
		return fmt.Sprintf("DOCUMENT %d", uint8(k))
	}
	return names[k-1]
}

// EndMark begins a document's last line.
const EndMark = "-----END TSLAB "

const (
	beginMark = "-----BEGIN TSLAB "
	markTail  = "-----"

	maxText    = 256 << 10 // bytes of a file
	lineLength = 64        // base64 characters of a line
)

// header is one line that repeats a field for a human's eyes.
type header struct{ name, value string }

// armored is a document taken out of its file, nothing of it trusted.
type armored struct {
	kind    Kind
	first   int // number of the line of BEGIN
	headers []header
	body    []byte
}

// armor writes the file.
func armor(kind Kind, headers []header, body []byte) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s%v%s\n", beginMark, kind, markTail)
	for _, h := range headers {
		fmt.Fprintf(&b, "%s: %s\n", h.name, h.value)
	}
	b.WriteByte('\n')
	text := base64.StdEncoding.EncodeToString(body)
	for len(text) > lineLength {
		b.WriteString(text[:lineLength] + "\n")
		text = text[lineLength:]
	}
	fmt.Fprintf(&b, "%s\n=%08x\n%s%v%s\n", text, crc32.ChecksumIEEE(body), EndMark, kind, markTail)
	return b.Bytes()
}

func split(text []byte) ([]string, error) {
	if len(text) > maxText {
		return nil, &DocumentError{Reason: fmt.Sprintf("%d bytes are more than any document has (%d)", len(text), maxText), Remedy: remedyWhich}
	}
	lines := strings.Split(string(text), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " \t\r")
	}
	return lines, nil
}

// begin finds the first line of the document.
func begin(lines []string) (Kind, int, error) {
	for i, line := range lines {
		name, ok := strings.CutPrefix(line, beginMark)
		if !ok {
			continue
		}
		name, ok = strings.CutSuffix(name, markTail)
		for kind := KindActivationRequest; kind <= KindOrder; kind++ {
			if ok && name == kind.String() {
				return kind, i, nil
			}
		}
		return 0, i, &DocumentError{Line: i + 1, Reason: fmt.Sprintf("%q begins no document that this release knows", line), Remedy: remedyWhich}
	}
	return 0, 0, &DocumentError{Reason: "no line begins with " + beginMark, Remedy: remedyWhich}
}

// open takes the document of the wanted kind out of its file.
func open(text []byte, want Kind) (*armored, error) {
	lines, err := split(text)
	if err != nil {
		return nil, err
	}
	kind, at, err := begin(lines)
	if err != nil {
		return nil, err
	}
	if kind != want {
		return nil, &DocumentError{Kind: want, Line: at + 1, Reason: fmt.Sprintf("this is another document: %v", kind), Remedy: origin(want)}
	}
	d := &armored{kind: kind, first: at + 1}
	end := at + 1
	for end < len(lines) && !strings.HasPrefix(lines[end], "-----") {
		end++
	}
	if end == len(lines) {
		return nil, d.fail(end, "the document has no end", remedyCopy)
	}
	if lines[end] != EndMark+kind.String()+markTail {
		return nil, d.fail(end+1, fmt.Sprintf("%q where the document should end", lines[end]), remedyCopy)
	}
	for i, line := range lines[end+1:] {
		if strings.HasPrefix(line, beginMark) {
			return nil, d.fail(end+2+i, "a second document begins", "give one file for each document")
		}
	}
	return d, d.read(lines[at+1:end], at+2)
}

// read takes headers, body and checksum from the lines between BEGIN and END; the
// first has the number given.
func (d *armored) read(lines []string, number int) error {
	i := 0
	for ; i < len(lines) && lines[i] != ""; i++ {
		name, value, ok := strings.Cut(lines[i], ": ")
		if !ok {
			return d.fail(number+i, fmt.Sprintf("%q is no `Name: value`", lines[i]), remedyCopy)
		}
		d.headers = append(d.headers, header{name, value})
	}
	var body []byte
	sum := ""
	for ; i < len(lines); i++ {
		switch line := lines[i]; {
		case sum != "" && line != "":
			return d.fail(number+i, "text behind the checksum", remedyCopy)
		case strings.HasPrefix(line, "=") && len(line) == 9:
			sum = line
		case line != "":
			if len(line)%4 != 0 {
				return d.fail(number+i, fmt.Sprintf("%d characters, want a multiple of four", len(line)), remedyCopy)
			}
			part, err := base64.StdEncoding.Strict().DecodeString(line)
			if err != nil {
				return d.fail(number+i, err.Error(), remedyCopy)
			}
			body = append(body, part...)
		}
	}
	if sum == "" {
		return d.fail(number+len(lines)-1, "the checksum is missing", remedyCopy)
	}
	if want := fmt.Sprintf("=%08x", crc32.ChecksumIEEE(body)); !strings.EqualFold(sum, want) {
		return d.fail(number+len(d.headers)+1, fmt.Sprintf("the checksum is %s, the lines above it make %s: a character among them is wrong", sum[1:], want[1:]), remedyCopy)
	}
	d.body = body
	return nil
}

// checkHeaders refuses header lines that say other than the body does.
func (d *armored) checkHeaders(want []header) error {
	for i := range max(len(want), len(d.headers)) {
		line := d.first + 1 + i
		switch {
		case i >= len(d.headers):
			return d.fail(line, fmt.Sprintf("the line %q is missing", want[i].name+": "+want[i].value), remedyEdited)
		case i >= len(want):
			return d.fail(line, fmt.Sprintf("the line %q is not signed", d.headers[i].name+": "+d.headers[i].value), remedyEdited)
		case d.headers[i] != want[i]:
			return d.fail(line, fmt.Sprintf("the line says %q, the signed part %q", d.headers[i].name+": "+d.headers[i].value, want[i].name+": "+want[i].value), remedyEdited)
		}
	}
	return nil
}

func (d *armored) fail(line int, reason, remedy string) error {
	return &DocumentError{Kind: d.kind, Line: line, Reason: reason, Remedy: remedy}
}

// Expect refuses a file that does not hold the wanted document whole. It trusts
// nothing in it: that is the reader's business who knows the clearinghouse.
func Expect(text []byte, want Kind) error {
	_, err := open(text, want)
	return err
}

// Documents takes a file with several documents apart: each from its first line to that
// of the next. What stands before the first goes with it; a file with one document, or
// none, comes back whole.
func Documents(text []byte) (list [][]byte) {
	start, begun := 0, false
	for at := 0; at < len(text); {
		if bytes.HasPrefix(text[at:], []byte(beginMark)) {
			if begun {
				list = append(list, text[start:at])
				start = at
			}
			begun = true
		}
		end := bytes.IndexByte(text[at:], '\n')
		if end < 0 {
			break
		}
		at += end + 1
	}
	return append(list, text[start:])
}

// KindOf is the kind of the first document in a file, nothing of it trusted.
func KindOf(text []byte) (Kind, error) {
	lines, err := split(text)
	if err != nil {
		return 0, err
	}
	kind, _, err := begin(lines)
	return kind, err
}
