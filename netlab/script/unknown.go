//go:build linux

package script

import (
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// unknown is what would have been found in a lab that is only planned. It has every
// field, which is unknown too; it is false, equal to nothing but itself, and a list of
// one that is unknown.
type unknown struct{}

var (
	_ starlark.HasAttrs  = unknown{}
	_ starlark.Mapping   = unknown{}
	_ starlark.Indexable = unknown{}
	_ starlark.Sequence  = unknown{}
	_ starlark.Callable  = unknown{}
	_ starlark.HasBinary = unknown{}
	_ starlark.Sliceable = unknown{}
)

func (unknown) String() string        { return "unknown" }
func (unknown) Type() string          { return "unknown" }
func (unknown) Freeze()               {}
func (unknown) Truth() starlark.Bool  { return false }
func (unknown) Hash() (uint32, error) { return 0, nil }
func (unknown) AttrNames() []string   { return nil }
func (unknown) Name() string          { return "unknown" }
func (unknown) Len() int              { return 1 }

// Attr is a field of the value, as starlark.HasAttrs has it.
func (u unknown) Attr(string) (starlark.Value, error) { return u, nil }

// Get is the value at a key, as starlark.Mapping has it.
func (u unknown) Get(starlark.Value) (starlark.Value, bool, error) { return u, true, nil }

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
		return starlark.Bool(op == syntax.NOT_IN), nil
	}
	return u, nil
}

// Iterate goes over one that is unknown, as starlark.Iterable has it.
func (u unknown) Iterate() starlark.Iterator {
	return starlark.NewList([]starlark.Value{u}).Iterate()
}
