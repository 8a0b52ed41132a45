package tsls

import "strings"

// cut makes any text one that the protocol carries: UTF-8, at most MaxText bytes.
func cut(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= MaxText {
		return s
	}
	return strings.ToValidUTF8(s[:MaxText], "")
}
