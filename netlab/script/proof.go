//go:build linux

package script

import (
	"slices"

	"go.starlark.net/syntax"
)

// proof is what the expectations of a drill are about, under one of its editions.
type proof struct {
	edition string // "" without a matrix
	values  map[string][]syntax.Node
	expects map[string]bool // functions that expect something
	words   map[string]bool // that an expectation depends on
	seen    map[string]bool
}

// proves finds the words that the expectations of a drill depend on, through names
// and functions. What is beside an if on edition() counts for its editions only.
func proves(file *syntax.File, edition string) map[string]bool {
	p := &proof{
		edition: edition, values: map[string][]syntax.Node{}, expects: map[string]bool{"expect": true},
		words: map[string]bool{}, seen: map[string]bool{},
	}
	p.walk(file, p.define)
	for grown := true; grown; {
		grown = false
		for name, nodes := range p.values {
			if !p.expects[name] && slices.ContainsFunc(nodes, p.expecting) {
				p.expects[name], grown = true, true
			}
		}
	}
	p.walk(file, func(n syntax.Node) {
		if call, ok := n.(*syntax.CallExpr); ok {
			p.call(call)
		}
	})
	return p.words
}

// call follows what an expectation is called with. To wait for an event is to expect it,
// and so is to list it.
func (p *proof) call(call *syntax.CallExpr) {
	name, ok := call.Fn.(*syntax.Ident)
	switch {
	case !ok:
	case name.Name == "await_event" || name.Name == "logged":
		p.words[name.Name] = true
	case p.expects[name.Name]:
		for _, arg := range call.Args {
			p.follow(arg)
		}
		if name.Name != "expect" {
			p.follow(name)
		}
	}
}

// define notes what the names of a drill stand for.
func (p *proof) define(n syntax.Node) {
	switch n := n.(type) {
	case *syntax.AssignStmt:
		p.name(n.LHS, n.RHS)
	case *syntax.DefStmt:
		p.values[n.Name.Name] = append(p.values[n.Name.Name], n)
	case *syntax.ForStmt:
		p.name(n.Vars, n.X)
	case *syntax.ForClause:
		p.name(n.Vars, n.X)
	case *syntax.CallExpr: // found.append(events(...))
		if dot, ok := n.Fn.(*syntax.DotExpr); ok {
			for _, arg := range n.Args {
				p.name(dot.X, arg)
			}
		}
	}
}

func (p *proof) name(to syntax.Expr, value syntax.Node) {
	syntax.Walk(to, func(n syntax.Node) bool {
		if name, ok := n.(*syntax.Ident); ok {
			p.values[name.Name] = append(p.values[name.Name], value)
		}
		return true
	})
}

// expecting says whether a function is one that expects something.
func (p *proof) expecting(n syntax.Node) (found bool) {
	switch n := n.(type) {
	case *syntax.DefStmt, *syntax.LambdaExpr:
		p.walk(n, func(n syntax.Node) {
			if call, ok := n.(*syntax.CallExpr); ok {
				name, ok := call.Fn.(*syntax.Ident)
				found = found || ok && p.expects[name.Name]
			}
		})
	}
	return found
}

// follow notes every word beneath n, and beneath what the names there stand for.
func (p *proof) follow(n syntax.Node) {
	p.walk(n, func(n syntax.Node) {
		name, ok := n.(*syntax.Ident)
		if !ok || p.seen[name.Name] {
			return
		}
		p.seen[name.Name], p.words[name.Name] = true, true
		for _, value := range p.values[name.Name] {
			p.follow(value)
		}
	})
}

// walk visits n and everything beneath that the edition comes to.
func (p *proof) walk(n syntax.Node, visit func(syntax.Node)) {
	syntax.Walk(n, func(n syntax.Node) bool {
		switch n := n.(type) {
		case nil:
			return false
		case *syntax.IfStmt:
			if is, known := p.decides(n.Cond); known {
				taken := n.False
				if is {
					taken = n.True
				}
				for _, stmt := range taken {
					p.walk(stmt, visit)
				}
				return false
			}
		case *syntax.CondExpr:
			if is, known := p.decides(n.Cond); known {
				taken := n.False
				if is {
					taken = n.True
				}
				p.walk(taken, visit)
				return false
			}
		}
		visit(n)
		return true
	})
}

// decides says how a condition such as edition() == "ws2003" ends, if it is one.
func (p *proof) decides(cond syntax.Expr) (is, known bool) {
	c, ok := cond.(*syntax.BinaryExpr)
	if !ok || p.edition == "" {
		return false, false
	}
	call, ok := c.X.(*syntax.CallExpr)
	if !ok {
		return false, false
	}
	if name, ok := call.Fn.(*syntax.Ident); !ok || name.Name != "edition" {
		return false, false
	}
	items := []syntax.Expr{c.Y}
	switch y := c.Y.(type) {
	case *syntax.ListExpr:
		items = y.List
	case *syntax.TupleExpr:
		items = y.List
	case *syntax.ParenExpr:
		if tuple, ok := y.X.(*syntax.TupleExpr); ok {
			items = tuple.List
		}
	}
	for _, item := range items {
		literal, ok := item.(*syntax.Literal)
		if !ok {
			return false, false
		}
		is = is || literal.Value == p.edition // as edition() has it
	}
	switch c.Op {
	case syntax.EQL, syntax.IN:
		return is, true
	case syntax.NEQ, syntax.NOT_IN:
		return !is, true
	}
	return false, false
}
