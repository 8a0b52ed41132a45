//go:build linux

package script

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"go.starlark.net/starlark"

	"github.com/tslab/tslab/netlab"
)

// process is a running program as a value of the drill.
type process struct {
	*netlab.Process
}

var _ starlark.HasAttrs = process{}

func (p process) String() string        { return fmt.Sprintf("program(%q, host=%q)", p.Program, p.Host) }
func (p process) Type() string          { return "program" }
func (p process) Freeze()               {}
func (p process) Truth() starlark.Bool  { return starlark.Bool(p.Running()) }
func (p process) Hash() (uint32, error) { return 0, errors.New("unhashable: program") }
func (p process) AttrNames() []string {
	return []string{"address", "host", "name", "running"}
}

// Attr is a field of the value, as starlark.HasAttrs has it.
func (p process) Attr(name string) (starlark.Value, error) {
	switch name {
	case "address":
		return starlark.String(p.Address), nil
	case "host":
		return starlark.String(p.Host), nil
	case "name":
		return starlark.String(p.Program), nil
	case "running":
		return p.Truth(), nil
	}
	return nil, nil // no such field
}

// port is where a daemon of the lab listens in its host, "" for what is no daemon.
func port(program string) string {
	switch program {
	case "termsrv":
		return ":3389"
	case "lserver":
		return ":3343"
	case "labdc":
		return ":3346"
	case "clearinghouse":
		return ":443"
	}
	return ""
}

func (e *engine) startWord(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	own, others := takeFlags(kwargs, "host", "program", "listen")
	var host starlark.Value
	var program, listen string
	if err := starlark.UnpackArgs("start", args, own, "host", &host, "program", &program, "listen?", &listen); err != nil {
		return nil, err
	}
	name, err := hostName(host)
	if err != nil {
		return nil, err
	}
	argv, err := flags(others)
	if err != nil {
		return nil, err
	}
	if listen == "" {
		listen = port(program)
	}
	if e.o.Edition != "" && (program == "lserver" || program == "termsrv") && !given(others, "edition") {
		argv = append(argv, "--edition", e.o.Edition)
	}
	if (program == "lserver" || program == "termsrv") && !given(others, "seed") {
		argv = append(argv, "--seed", strconv.FormatUint(e.stream(name, program), 10))
	}
	lab, err := e.up()
	if err != nil {
		return nil, err
	}
	p, err := lab.Start(e.ctx, name, program, listen, argv...)
	if err != nil {
		return nil, err
	}
	return process{p}, nil
}

func given(kwargs []starlark.Tuple, name string) bool {
	return slices.ContainsFunc(kwargs, func(pair starlark.Tuple) bool { return pair[0] == starlark.String(name) })
}

func (e *engine) stopWord(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var p process
	if err := starlark.UnpackArgs("stop", args, kwargs, "program", &p); err != nil {
		return nil, err
	}
	return starlark.None, e.lab.Stop(e.ctx, p.Process)
}

func (e *engine) killWord(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var p process
	if err := starlark.UnpackArgs("kill", args, kwargs, "program", &p); err != nil {
		return nil, err
	}
	return starlark.None, e.lab.Kill(p.Process)
}

// Unpack takes a program from the arguments of a word.
func (p *process) Unpack(v starlark.Value) error {
	got, ok := v.(process)
	if !ok {
		return fmt.Errorf("got %s, want a program that start returned", v.Type())
	}
	*p = got
	return nil
}
