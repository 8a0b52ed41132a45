package codes

import (
	"fmt"
	"strings"
	"unicode"
)

// Error says what is wrong with a code that was typed, where, and what to do.
type Error struct {
	Kind   Kind   // of the code that was wanted; 0: an agreement number
	Name   string // of what was wanted, when Kind is 0
	Groups []int  // the wrong groups, counted from 1 behind LAB; none when it is not one group's fault
	Reason string
	Remedy string
}

func (e *Error) Error() string {
	name := e.Name
	if e.Kind != 0 {
		name = e.Kind.String()
	}
	return name + ": " + e.Reason + "; " + e.Remedy
}

const (
	remedyCompare = "compare it with where it was read from"
	remedyCount   = "count the characters of each group"

	// maxTyped bounds what is looked at, in bytes: the longest code with a blank
	// behind each character has 70.
	maxTyped = 200
)

// squeeze takes blanks and dashes out and makes capitals. It returns the pieces too,
// as the dashes and blanks divide them.
func squeeze(typed string) (all string, pieces []string) {
	pieces = strings.FieldsFunc(strings.ToUpper(typed), func(r rune) bool {
		return unicode.IsSpace(r) || unicode.Is(unicode.Pd, r) || r == '\u2212' || r == '\u00ad' || r == '_' || r == '.'
	})
	return strings.Join(pieces, ""), pieces
}

// split divides what was typed into the groups of a code of kind k, all of whose
// characters are in the alphabet.
func split(k Kind, typed string) ([]string, error) {
	if len(typed) > maxTyped {
		return nil, &Error{Kind: k, Reason: fmt.Sprintf("%d bytes are far more than its %d characters", len(typed), k.Size()), Remedy: "type the code and nothing else"}
	}
	all, pieces := squeeze(typed)
	if all == "" {
		return nil, &Error{Kind: k, Reason: "it is empty", Remedy: fmt.Sprintf("type its %d characters, from %s-%c on", k.Size(), Prefix, k)}
	}
	if !strings.HasPrefix(all, Prefix) {
		return nil, &Error{Kind: k, Reason: "it does not begin with " + Prefix, Remedy: "type it whole, from " + Prefix + " on; codes of other makers are of no use here"}
	}
	rest := all[len(Prefix):]
	if other, ok := otherKind(k, rest); ok {
		return nil, &Error{Kind: k, Groups: []int{1}, Reason: fmt.Sprintf("this is a %v: it begins with %s-%c", other, Prefix, other), Remedy: fmt.Sprintf("type the code that begins with %s-%c", Prefix, k)}
	}
	if err := checkSize(k, rest, pieces); err != nil {
		return nil, err
	}
	groups := []string{rest[:2]}
	for i := 2; i < len(rest); i += groupSize {
		groups = append(groups, rest[i:i+groupSize])
	}
	return groups, checkLetters(k, groups)
}

// otherKind recognizes a sound code of another kind.
func otherKind(k Kind, rest string) (Kind, bool) {
	for _, f := range forms() {
		if f.kind != k && rest != "" && rest[0] == byte(f.kind) && len(Prefix)+len(rest) == f.kind.Size() {
			if _, err := decode(f.kind, Prefix+rest); err == nil {
				return f.kind, true
			}
		}
	}
	return 0, false
}

// checkSize finds the group that has too few or too many characters, if dashes or
// blanks still tell the groups.
func checkSize(k Kind, rest string, pieces []string) error {
	if len(Prefix)+len(rest) == k.Size() && isASCII(rest) {
		return nil
	}
	if len(pieces) == k.Groups()+1 && pieces[0] == Prefix {
		for i, p := range pieces[1:] {
			want := groupSize
			if i == 0 {
				want = 2
			}
			if n := len([]rune(p)); n != want {
				return &Error{Kind: k, Groups: []int{i + 1}, Reason: fmt.Sprintf("group %d (%s) has %d characters, not %d", i+1, shown(p), n, want), Remedy: "read that group again"}
			}
		}
	}
	if n := len([]rune(rest)); n+len(Prefix) != k.Size() {
		return &Error{Kind: k, Reason: fmt.Sprintf("it has %d characters, not %d", len(Prefix)+n, k.Size()), Remedy: remedyCount}
	}
	return &Error{Kind: k, Reason: "it has characters that no code has", Remedy: "use the letters A to Z and digits"}
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// checkLetters names the first group with a character that is not in the alphabet.
func checkLetters(k Kind, groups []string) error {
	for i, g := range groups {
		if i == 0 && g[0] != byte(k) {
			return &Error{Kind: k, Groups: []int{1}, Reason: fmt.Sprintf("group 1 (%s) should begin with %c", shown(g), k), Remedy: "read that group again, or look whether it is another number"}
		}
		if at := strings.IndexFunc(g, func(r rune) bool { return !strings.ContainsRune(Alphabet, r) }); at >= 0 {
			return &Error{Kind: k, Groups: []int{i + 1}, Reason: fmt.Sprintf("group %d (%s) has %q, which no code has", i+1, shown(g), g[at]), Remedy: "read that group again; the characters are " + Alphabet}
		}
	}
	return nil
}

// shown is a piece of input as it can stand in a message.
func shown(s string) string {
	if len(s) > 20 {
		s = s[:20] + "..."
	}
	q := fmt.Sprintf("%q", s)
	return q[1 : len(q)-1]
}

func wrongGroups(k Kind, groups []string, wrong []int) error {
	var names []string
	for _, n := range wrong {
		names = append(names, fmt.Sprintf("group %d (%s)", n, groups[n-1]))
	}
	verb, remedy := "is mistyped", "read that group again"
	if len(wrong) > 1 {
		verb, remedy = "are mistyped or in each other's place", "read those groups again, in their order"
	}
	return &Error{Kind: k, Groups: wrong, Reason: strings.Join(names, ", ") + " " + verb, Remedy: remedy}
}

// Spell is a code as one reads it out: its groups, each character apart.
func Spell(code string) []string {
	var list []string
	for _, g := range strings.Split(code, "-") {
		list = append(list, strings.Join(strings.Split(g, ""), " "))
	}
	return list
}
