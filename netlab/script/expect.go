//go:build linux

package script

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/tslab/tslab/netlab"
	"github.com/tslab/tslab/netlab/capture"
)

// connects says whether a packet goes from one end to the other.
func connects(p capture.Packet, ends [][]netip.Addr) bool {
	from, to := p.From.Addr(), p.To.Addr()
	return slices.Contains(ends[0], from) && slices.Contains(ends[1], to) ||
		slices.Contains(ends[1], from) && slices.Contains(ends[0], to)
}

func (e *engine) expectWord(thread *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var got, want starlark.Value
	var text string
	if err := starlark.UnpackArgs("expect", args, kwargs, "got", &got, "want?", &want, "text?", &text); err != nil {
		return nil, err
	}
	lab, err := e.up()
	if err != nil {
		return nil, err
	}
	place := thread.CallFrame(1).Pos
	x := netlab.Expectation{Place: place.String(), Text: text, Got: got.String(), Want: "True"}
	if x.Text == "" {
		x.Text = e.sourceLine(int(place.Line))
	}
	if x.Met, x.Want, err = meets(thread, got, want); err != nil {
		return nil, err
	}
	if f, ok := want.(*starlark.Function); ok {
		x.Want = e.functionText(f)
	}
	lab.Expect(x)
	return starlark.Bool(x.Met), nil
}

// meets compares: a function decides, nothing means something true, a type is equal
// to its like.
func meets(thread *starlark.Thread, got, want starlark.Value) (met bool, wanted string, err error) {
	switch want := want.(type) {
	case nil:
		return bool(got.Truth()), "True", nil
	case starlark.Callable:
		verdict, err := starlark.Call(thread, want, starlark.Tuple{got}, nil)
		if err != nil {
			return false, "", err
		}
		return bool(verdict.Truth()), want.Name(), nil
	default:
		met, err := starlark.Equal(got, want)
		return met, want.String(), err
	}
}

// functionText is a function as a reader of the drill knows it: by its name, or, for a
// lambda, as it stands there.
func (e *engine) functionText(f *starlark.Function) string {
	if e.lambdas == nil {
		e.lambdas = map[[2]int32]string{}
		file, err := options().Parse(e.drill.File, e.drill.Source, 0)
		if err != nil { // it has been parsed before
			return f.Name()
		}
		lines := e.sourceLines()
		syntax.Walk(file, func(n syntax.Node) bool {
			if l, ok := n.(*syntax.LambdaExpr); ok {
				start, end := l.Span()
				if int(start.Line) > len(lines) {
					return true
				}
				line := []rune(lines[start.Line-1])
				if start.Line != end.Line { // its end is told by what was found
					end.Col = int32(len(line)) + 1
				}
				e.lambdas[[2]int32{start.Line, start.Col}] = string(line[start.Col-1 : end.Col-1])
			}
			return true
		})
	}
	at := f.Position()
	if text, ok := e.lambdas[[2]int32{at.Line, at.Col}]; ok {
		return text
	}
	return f.Name()
}

// sourceLines are the lines of the drill as Starlark counts them: a carriage return ends
// one, too.
func (e *engine) sourceLines() []string {
	return strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(e.drill.Source), "\n")
}

func (e *engine) sourceLine(n int) string {
	lines := e.sourceLines()
	if n < 1 || n > len(lines) {
		return fmt.Sprintf("line %d", n)
	}
	return strings.TrimSpace(lines[n-1])
}
