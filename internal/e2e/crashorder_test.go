package e2e

import "strings"

// order is a command of a tool to servers that serve, as an exchange has it twice: cut
// short by a death, and again with everybody alive.
type order struct {
	servers []string
	tool    string // its actor
	args    func(*crashFarm) []string
	refused map[string]string // how it may end the second time: part of what is printed, and the table's words for it
}

func (o order) act(f *crashFarm) {
	f.serve(o.servers...)
	f.tool(o.tool, o.args(f)...)
}

func (o order) again(f *crashFarm) string {
	f.serve(o.servers...)
	return f.said(o.tool, o.refused, o.args(f)...)
}

// How the licensing tool may be refused the second time.
func already() map[string]string {
	return map[string]string{
		"is activated already": "refused: it is activated already", "is installed already": "refused: it is installed already",
		"is not activated": "refused: it is not activated",
	}
}

// said is what came of a tool's command: done, or how it was refused.
func (f *crashFarm) said(actor string, refusals map[string]string, args ...string) string {
	code, out := f.tool(actor, args...)
	if code == 0 || code == 3 {
		return map[int]string{0: "done", 3: "nothing to do"}[code]
	}
	for part, words := range refusals {
		if strings.Contains(out, part) {
			return words
		}
	}
	f.t.Errorf("%s %v: exit status %d: %s", actor, args, code, out)
	return "failed"
}
