//go:build linux

package script

import (
	"errors"
	"time"

	"go.starlark.net/starlark"

	"github.com/tslab/tslab/netlab"
)

func (e *engine) execWord(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var env *starlark.Dict
	var background bool
	seconds := number(patience.Seconds())
	err := starlark.UnpackArgs("exec", nil, kwargs, "env?", &env, "timeout?", &seconds, "background?", &background)
	if err != nil {
		return nil, err
	}
	if len(args) < 2 {
		return nil, errors.New(`want a host and a command, as in exec(c1, "ping", "-c1", "ts1")`)
	}
	name, err := hostName(args[0])
	if err != nil {
		return nil, err
	}
	argv, err := strs(args[1:])
	if err != nil {
		return nil, err
	}
	vars, err := environ(env)
	if err != nil {
		return nil, err
	}
	lab, err := e.up()
	if err != nil {
		return nil, err
	}
	if background {
		p, err := lab.Spawn(name, argv, vars)
		if err != nil {
			return nil, err
		}
		return process{p}, nil
	}
	ctx, cancel := e.timeout(time.Duration(float64(seconds)*float64(time.Second)), "it did not end")
	defer cancel()
	r, err := lab.Exec(ctx, name, argv, vars)
	if err != nil {
		return nil, err
	}
	return resultValue("result", r, nil), nil
}

func (e *engine) displayWord(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var at starlark.Value
	geometry := "1024x768x24"
	if err := starlark.UnpackArgs("display", args, kwargs, "host", &at, "geometry?", &geometry); err != nil {
		return nil, err
	}
	host, lab, err := e.hostUp(at)
	if err != nil {
		return nil, err
	}
	ctx, cancel := e.timeout(patience, "it is not ready")
	defer cancel()
	name, err := lab.Display(ctx, host, geometry)
	return starlark.String(name), err
}

// resultValue is how a program ended, with more fields where there are.
func resultValue(name string, r netlab.Result, more starlark.StringDict) starlark.Value {
	fields := starlark.StringDict{
		"exit": starlark.MakeInt(r.Exit), "stdout": starlark.String(r.Stdout), "stderr": starlark.String(r.Stderr),
	}
	for key, v := range more {
		fields[key] = v
	}
	return structOf(name, fields)
}
