package tsls

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// documented reads the tables of doc.go: for every message "0x01 Hello" the names
// of its fields in order, compounds replaced by theirs.
func documented(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	rows, compounds := map[string]string{}, map[string]string{}
	var into map[string]string
	last := ""
	for line := range strings.Lines(string(text)) {
		line, isTable := strings.CutPrefix(strings.TrimRight(line, "\n"), "//\t")
		cells := regexp.MustCompile(` {2,}`).Split(strings.TrimSpace(line), -1)
		switch {
		case !isTable:
			last = ""
			switch line {
			case "// Requests:", "// Answers:":
				into = rows
			case "// Compounds:":
				into = compounds
			case "// Values:":
				into = nil
			}
		case into == nil || cells[0] == "type":
		case strings.HasPrefix(line, " "): // goes on
			into[last] += " " + cells[0]
		case strings.HasPrefix(line, "0x"):
			last = cells[0] + " " + cells[1]
			into[last] = cells[2]
		default:
			last = cells[0]
			into[last] = cells[1]
		}
	}
	fields := map[string][]string{}
	for message, row := range rows {
		fields[message] = slices.Compact(names(t, row, compounds)) // as the parser shows them
	}
	return fields
}

// names takes the fields' names out of `name kind, name kind`.
func names(t *testing.T, row string, compounds map[string]string) (list []string) {
	t.Helper()
	row = regexp.MustCompile(`;.*|\([^)]*\)`).ReplaceAllString(row, "")
	for _, field := range strings.Split(row, ",") {
		field = strings.TrimSpace(field)
		at := strings.LastIndexByte(field, ' ')
		if at < 0 {
			continue
		}
		name, kind := field[:at], field[at+1:]
		_, element, isList := strings.Cut(kind, "]")
		if !isList {
			element = kind
		}
		compound, isCompound := compounds[element]
		if !isCompound || isList {
			list = append(list, name)
		}
		if isCompound {
			list = append(list, names(t, compound, compounds)...)
		} else if !slices.Contains([]string{"u8", "u16", "u32", "bool", "time", "text", "blob", "hwid"}, element) {
			t.Errorf("doc.go: %q: no kind of field", field)
		}
	}
	return list
}

// TestDocument: the tables in doc.go name the messages that there are and their
// fields in wire order. The parser's are learned by where it runs out of bytes.
func TestDocument(t *testing.T) {
	want := documented(t)
	got := map[string][]string{}
	for _, tt := range messages() {
		key := fmt.Sprintf("0x%02x %v", uint8(tt.m.Type()), tt.m.Type())
		if _, done := got[key]; done {
			continue
		}
		wire := unhex(t, tt.wire)
		list := []string(nil)
		for i := 1; i < len(wire); i++ {
			_, err := Parse(wire[:i])
			name, _, _ := strings.Cut(strings.TrimPrefix(err.Error(), tt.m.Type().String()+": "), " at offset ")
			if len(list) == 0 || list[len(list)-1] != name {
				list = append(list, name)
			}
		}
		got[key] = list
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("doc.go and the parser (-doc +parser):\n%s", diff)
	}
}
