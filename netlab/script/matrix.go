//go:build linux

package script

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/netlab"
)

// matrixName is the global that names the editions which a drill is run under.
const matrixName = "editions"

// Editions is the drill's matrix: the editions it is run under, one after the other.
// It is read from a top-level line such as editions = ["w2k", "ws2003"]; without one
// the drill has a single run under no particular edition.
func (d Drill) Editions() ([]string, error) {
	file, err := options().Parse(d.File, d.Source, 0)
	if err != nil {
		return nil, plain(err)
	}
	for _, stmt := range file.Stmts {
		assign, ok := stmt.(*syntax.AssignStmt)
		if !ok {
			continue
		}
		if name, ok := assign.LHS.(*syntax.Ident); !ok || name.Name != matrixName || assign.Op != syntax.EQ {
			continue
		}
		names, err := editionList(assign.RHS)
		if err != nil {
			start, _ := assign.Span()
			return nil, &Error{start.String(), err}
		}
		return names, nil
	}
	return nil, nil
}

func editionList(expr syntax.Expr) ([]string, error) {
	list, ok := expr.(*syntax.ListExpr)
	if !ok || len(list.List) == 0 {
		return nil, fmt.Errorf("editions: want a list of names as it stands, as in editions = [%q]", edition.Server2003)
	}
	var names []string
	for _, item := range list.List {
		literal, ok := item.(*syntax.Literal)
		name, isString := "", false
		if ok {
			name, isString = literal.Value.(string)
		}
		if !isString {
			return nil, errors.New("editions: want strings")
		}
		e, err := edition.ParseEdition(name)
		if err != nil {
			return nil, fmt.Errorf("editions: %w", err)
		}
		if slices.Contains(names, e.String()) {
			return nil, fmt.Errorf("editions: %s is named twice", e)
		}
		names = append(names, e.String())
	}
	return names, nil
}

// Legs are the options of each of a drill's runs: o itself for a drill without a
// matrix, else one for every edition, each in a folder of its own beneath o's. With
// o.Edition set only that leg is left.
func (d Drill) Legs(o Options) ([]Options, error) {
	names, err := d.Editions()
	if err != nil {
		return nil, err
	}
	var e edition.Edition
	if o.Edition != "" {
		if e, err = edition.ParseEdition(o.Edition); err != nil {
			return nil, err
		}
		o.Edition = e.String()
	}
	if len(names) == 0 {
		return []Options{o}, nil
	}
	if o.Edition != "" {
		if !slices.Contains(names, e.String()) {
			return nil, fmt.Errorf("%s has no leg for %s; it has %s", d.Name, e, strings.Join(names, ", "))
		}
		names = []string{e.String()}
	}
	var legs []Options
	for _, name := range names {
		leg := o
		leg.Edition, leg.Folder = name, filepath.Join(o.Folder, name)
		legs = append(legs, leg)
	}
	return legs, nil
}

// RunAll carries out every leg of a drill, also when one fails. It ends with the
// first that is interrupted. An error names its leg.
func RunAll(ctx context.Context, d Drill, o Options) ([]*netlab.Record, error) {
	legs, err := d.Legs(o)
	if err != nil {
		return nil, err
	}
	var records []*netlab.Record
	var errs []error
	for _, leg := range legs {
		record, err := Run(ctx, d, leg)
		records = append(records, record)
		if err != nil && len(legs) > 1 {
			err = fmt.Errorf("leg %s: %w", leg.Edition, err)
		}
		errs = append(errs, err)
		if ctx.Err() != nil {
			break
		}
	}
	return records, errors.Join(errs...)
}

func (e *engine) editionWord(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if err := starlark.UnpackArgs("edition", args, kwargs); err != nil {
		return nil, err
	}
	if e.o.Edition == "" {
		return nil, fmt.Errorf("the drill has no matrix; say %s = [%q] at its beginning", matrixName, edition.SP3)
	}
	return starlark.String(e.o.Edition), nil
}

// stream is the seed of one sequence of choices, drawn from the drill's by its name.
func (e *engine) stream(name ...string) uint64 {
	seed := netlab.Stream(e.o.Seed, name...)
	e.streams[strings.Join(name, "/")] = seed
	return seed
}

// drawWord draws from a stream of the drill's own, which goes on from one draw to
// the next.
func (e *engine) drawWord(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var name string
	var below int
	if err := starlark.UnpackArgs("draw", args, kwargs, "stream", &name, "below", &below); err != nil {
		return nil, err
	}
	if below < 1 {
		return nil, fmt.Errorf("below: %d; want 1 or more", below)
	}
	dice, ok := e.dice[name]
	if !ok {
		dice = rand.New(rand.NewPCG(e.stream("draw", name), 0))
		e.dice[name] = dice
	}
	return starlark.MakeInt(dice.IntN(below)), nil
}
