//go:build linux

package script

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"

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
	if program == "lserver" && !given(others, "seed") {
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
	host, err := hostName(at)
	if err != nil {
		return nil, err
	}
	lab, err := e.up()
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

// flagSet is which of the flags that lab programs share a command has.
type flagSet []string

const (
	stateFlag  = "state"
	hostFlag   = "host"
	clockFlag  = "clock"
	eventsFlag = "events"
	keyLogFlag = "keylog"
)

// sharedBy is the flags that the lab gives to the commands of a program that is no
// daemon.
func sharedBy(program string) flagSet {
	switch program {
	case "licmgr":
		return flagSet{stateFlag, keyLogFlag}
	case "tscc":
		return flagSet{stateFlag}
	case "clearinghouse":
		return flagSet{stateFlag, clockFlag}
	case "tsclient":
		return flagSet{stateFlag, hostFlag, clockFlag, eventsFlag, keyLogFlag}
	}
	return nil
}

// tool runs a command of one of the lab's tools and returns its output. An exit
// status other than those allowed is an error with what the tool said.
func (e *engine) tool(host, program, command string, argv []string, allowed ...int) (netlab.Result, error) {
	lab, err := e.up()
	if err != nil {
		return netlab.Result{}, err
	}
	ctx, cancel := e.timeout(patience, "it did not end")
	defer cancel()
	r, err := lab.Run(ctx, host, program, command, sharedBy(program), argv...)
	if err != nil {
		return r, err
	}
	for _, code := range append(allowed, 0) {
		if r.Exit == code {
			return r, nil
		}
	}
	return r, fmt.Errorf("%s %s on %s: exit status %d: %s", program, command, host, r.Exit, oneLine(r.Stderr))
}

func oneLine(s string) string { return strings.ReplaceAll(strings.TrimSpace(s), "\n", "; ") }

func (e *engine) runWord(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if len(args) < 3 {
		return nil, errors.New(`want a host, a program and a command, as in run(ls1, "licmgr", "show")`)
	}
	host, err := hostName(args[0])
	if err != nil {
		return nil, err
	}
	argv, err := strs(args[1:])
	if err != nil {
		return nil, err
	}
	more, err := flags(kwargs)
	if err != nil {
		return nil, err
	}
	lab, err := e.up()
	if err != nil {
		return nil, err
	}
	ctx, cancel := e.timeout(patience, "it did not end")
	defer cancel()
	r, err := lab.Run(ctx, host, argv[0], argv[1], sharedBy(argv[0]), append(argv[2:], more...)...)
	if err != nil {
		return nil, err
	}
	return resultValue("result", r, starlark.StringDict{"json": parsed(r.Stdout)}), nil
}

// parsed is a program's output as a value, None when it is not JSON.
func parsed(stdout string) starlark.Value {
	var v any
	if err := json.Unmarshal([]byte(stdout), &v); err != nil {
		return starlark.None
	}
	return jsonValue("json", v)
}

// connectExits are the exit statuses of tsclient connect that are answers: refused
// by licensing, logon failed, not reachable.
func connectExits() []int { return []int{3, 4, 5} }

func (e *engine) connectWord(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	own, others := takeFlags(kwargs, "client", "server", "stay", "store", "count", "parallel")
	var from, to starlark.Value
	s := swarm{parallel: swarmParallel}
	many := given(own, "count")
	err := starlark.UnpackArgs("connect", args, own, "client", &from, "server", &to,
		"stay?", &s.stay, "store?", &s.store, "count?", &s.count, "parallel?", &s.parallel)
	if err != nil {
		return nil, err
	}
	hosts, err := hostNames(from)
	if err != nil {
		return nil, err
	}
	target, err := text(to)
	if err != nil {
		return nil, err
	}
	if many {
		return e.swarm(hosts, target, s, others)
	}
	if len(hosts) != 1 {
		return nil, errors.New("one device connects from one host; with count= many connect from several in turn")
	}
	argv, err := flags(others)
	if err != nil {
		return nil, err
	}
	argv = append(argv, "--json", target)
	if s.store != "" { // behind the lab's own, so that it is the one that counts
		if s.store != filepath.Base(s.store) || s.store == ".." || s.store == "." {
			return nil, fmt.Errorf("store: %q is no name of a folder", s.store)
		}
		lab, err := e.up()
		if err != nil {
			return nil, err
		}
		argv = append([]string{"--state", filepath.Join(lab.ProgramFolder(hosts[0], "tsclient"), s.store)}, argv...)
	}
	if s.stay {
		return e.stay(hosts[0], argv)
	}
	r, err := e.tool(hosts[0], "tsclient", "connect", argv, append(connectExits(), 1)...)
	if err != nil {
		return nil, err
	}
	report, err := decodeReport(r)
	if err != nil {
		return nil, fmt.Errorf("tsclient on %s: exit status %d: %s", hosts[0], r.Exit, oneLine(r.Stderr))
	}
	return resultValue("connection", r, report), nil
}

// stay connects and leaves the client logged on; stop makes it leave.
func (e *engine) stay(host string, argv []string) (starlark.Value, error) {
	lab, err := e.up()
	if err != nil {
		return nil, err
	}
	ctx, cancel := e.timeout(patience, "it did not log on")
	defer cancel()
	p, err := lab.RunOn(ctx, host, "tsclient", "connect", sharedBy("tsclient"), append([]string{"--stay"}, argv...), "client.logged-on")
	if err != nil {
		return nil, err
	}
	return process{p}, nil
}

// decodeReport is what tsclient reported, with the token that the device has after
// it: the one that it was given, else the one that it showed.
func decodeReport(r netlab.Result) (starlark.StringDict, error) {
	fields := map[string]any{}
	if err := json.Unmarshal([]byte(r.Stdout), &fields); err != nil {
		return nil, err
	}
	report := starlark.StringDict{
		"presented": starlark.None, "received": starlark.None, "token": starlark.None, "kind": starlark.None,
		"reason": starlark.String(""), "error_info": starlark.MakeInt(0), "messages": starlark.NewList(nil),
	}
	for key, v := range fields {
		report[attribute(key)] = jsonValue(attribute(key), v)
	}
	report["status"] = report["outcome"]
	for _, key := range []string{"presented", "received"} {
		if s, ok := report[key].(*starlarkstruct.Struct); ok {
			report["token"] = s
			report["kind"], _ = s.Attr("kind")
		}
	}
	return report, nil
}
