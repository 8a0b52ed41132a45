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

// starting is what start is called with.
type starting struct {
	host, program, listen string
	argv                  []string
}

// starting reads the arguments of start. Servers that are told none have the edition
// of the leg and a seed of their own.
func (e *engine) starting(args starlark.Tuple, kwargs []starlark.Tuple) (s starting, err error) {
	own, others := takeFlags(kwargs, "host", "program", "listen")
	var host starlark.Value
	if err := starlark.UnpackArgs("start", args, own, "host", &host, "program", &s.program, "listen?", &s.listen); err != nil {
		return s, err
	}
	if s.host, err = hostName(host); err != nil {
		return s, err
	}
	if s.argv, err = flags(others); err != nil {
		return s, err
	}
	if s.listen == "" {
		s.listen = port(s.program)
	}
	server := s.program == "lserver" || s.program == "termsrv"
	if e.o.Edition != "" && server && !given(others, "edition") {
		s.argv = append(s.argv, "--edition", e.o.Edition)
	}
	if server && !given(others, "seed") {
		s.argv = append(s.argv, "--seed", strconv.FormatUint(e.stream(s.host, s.program), 10))
	}
	return s, nil
}

func (e *engine) startWord(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	s, err := e.starting(args, kwargs)
	if err != nil {
		return nil, err
	}
	lab, err := e.up()
	if err != nil {
		return nil, err
	}
	p, err := lab.Start(e.ctx, s.host, s.program, s.listen, s.argv...)
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
