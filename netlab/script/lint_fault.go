//go:build linux

package script

import (
	"errors"
	"fmt"
	"math/big"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// checkFaults says what is wrong with the faults of a drill, as far as it stands in
// the drill: a fault with a part that is known only when the drill runs is left alone,
// but for its place and its peer.
func checkFaults(file *syntax.File) error {
	var errs []error
	syntax.Walk(file, func(n syntax.Node) bool {
		call, ok := n.(*syntax.CallExpr)
		if !ok {
			return true
		}
		if name, ok := call.Fn.(*syntax.Ident); !ok || name.Name != "fault" {
			return true
		}
		args, kwargs, known := literalArguments(call)
		if !known {
			return true
		}
		f, err := faultOf(args, kwargs)
		if err == nil {
			if f.Name == "" {
				f.Name = string(f.Kind)
			}
			err = f.Check()
		}
		if err != nil {
			at, _ := call.Span()
			errs = append(errs, fmt.Errorf("%v: %w", at, err))
		}
		return true
	})
	return errors.Join(errs...)
}

// Names that stand for hosts which are known only when the drill runs.
const (
	someHost = "somewhere"
	somePeer = "elsewhere"
)

// literalArguments are those of a call of fault; known is false when more than hosts
// and the name is not literal.
func literalArguments(call *syntax.CallExpr) (args starlark.Tuple, kwargs []starlark.Tuple, known bool) {
	for i, arg := range call.Args {
		name, expr := "", arg
		if b, ok := arg.(*syntax.BinaryExpr); ok && b.Op == syntax.EQ {
			name, expr = b.X.(*syntax.Ident).Name, b.Y
		}
		v, ok := literal(expr)
		switch {
		case ok:
		case name == "" && i == 0, name == "where":
			v = starlark.String(someHost)
		case name == "peer":
			v = starlark.String(somePeer)
		case name == "name":
			v = starlark.String("named")
		default:
			return nil, nil, false
		}
		if name == "" {
			args = append(args, v)
		} else {
			kwargs = append(kwargs, starlark.Tuple{starlark.String(name), v})
		}
	}
	return args, kwargs, true
}

// literal is the value of an expression that is one.
func literal(expr syntax.Expr) (starlark.Value, bool) {
	switch e := expr.(type) {
	case *syntax.Literal:
		switch v := e.Value.(type) {
		case string:
			return starlark.String(v), true
		case int64:
			return starlark.MakeInt64(v), true
		case *big.Int:
			return starlark.MakeBigInt(v), true
		case float64:
			return starlark.Float(v), true
		}
	case *syntax.Ident:
		switch e.Name {
		case "True", "False":
			return starlark.Bool(e.Name == "True"), true
		case "None":
			return starlark.None, true
		}
	case *syntax.UnaryExpr:
		if v, ok := literal(e.X); ok && e.Op == syntax.MINUS {
			n, err := starlark.Unary(e.Op, v)
			return n, err == nil
		}
	}
	return nil, false
}
