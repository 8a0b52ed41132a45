//go:build linux

package script

import (
	"fmt"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// unknown is what would have been found in a lab that is only planned. It has every
// field, which is unknown too; it is false, equal to nothing but itself, and a list of
// one that is unknown. Where the way of a drill goes by such an answer, that is counted:
// a run may go another.
type unknown struct{ asked *int }

const unknownText = "unknown"

func (p *planner) unknown() unknown { return unknown{&p.asked} }

var (
	_ starlark.HasAttrs  = unknown{}
	_ starlark.Mapping   = unknown{}
	_ starlark.Indexable = unknown{}
	_ starlark.Sequence  = unknown{}
	_ starlark.Callable  = unknown{}
	_ starlark.HasBinary = unknown{}
	_ starlark.Sliceable = unknown{}

	_ starlark.Comparable = unknown{}
)

func (unknown) String() string      { return unknownText }
func (unknown) Freeze()             {}
func (unknown) AttrNames() []string { return nil }
func (unknown) Name() string        { return unknownText }

// Type is asked for by whatever compares the value with one of another type, too.
func (u unknown) Type() string {
	*u.asked++
	return unknownText
}

// Truth is no, as starlark.Value has it.
func (u unknown) Truth() starlark.Bool {
	*u.asked++
	return false
}

// Hash is asked for where the value is looked up.
func (u unknown) Hash() (uint32, error) {
	*u.asked++
	return 0, nil
}

// Len is that of a list of one, as starlark.Sequence has it.
func (u unknown) Len() int {
	*u.asked++
	return 1
}

// CompareSameType compares with another that is unknown, as starlark.Comparable has it.
func (u unknown) CompareSameType(op syntax.Token, other starlark.Value, _ int) (bool, error) {
	*u.asked++
	switch op {
	case syntax.EQL:
		return u == other, nil
	case syntax.NEQ:
		return u != other, nil
	}
	return false, fmt.Errorf("unknown %s unknown: not known without a lab", op)
}

// Attr is a field of the value, as starlark.HasAttrs has it.
func (u unknown) Attr(string) (starlark.Value, error) { return u, nil }

// Get is the value at a key, as starlark.Mapping has it. It is what says whether a key is
// in the value, too.
func (u unknown) Get(starlark.Value) (starlark.Value, bool, error) {
	*u.asked++
	return u, true, nil
}

// Index is the value at an index, as starlark.Indexable has it.
func (u unknown) Index(int) starlark.Value { return u }

// Slice is part of the value, as starlark.Sliceable has it.
func (u unknown) Slice(_, _, _ int) starlark.Value { return u }

// CallInternal calls the value, as starlark.Callable has it.
func (u unknown) CallInternal(*starlark.Thread, starlark.Tuple, []starlark.Tuple) (starlark.Value, error) {
	return u, nil
}

// Binary is an operation with the value, as starlark.HasBinary has it.
func (u unknown) Binary(op syntax.Token, _ starlark.Value, _ starlark.Side) (starlark.Value, error) {
	if op == syntax.IN || op == syntax.NOT_IN {
		*u.asked++
		return starlark.Bool(op == syntax.NOT_IN), nil
	}
	return u, nil
}

// Iterate goes over one that is unknown, as starlark.Iterable has it. A run may find none:
// what is within depends on that, what is behind does not.
func (u unknown) Iterate() starlark.Iterator {
	*u.asked++
	return one{starlark.NewList([]starlark.Value{u}).Iterate(), u}
}

// one goes over one that is unknown.
type one struct {
	starlark.Iterator
	of unknown
}

// Done ends it, as starlark.Iterator has it.
func (o one) Done() {
	*o.of.asked--
	o.Iterator.Done()
}
