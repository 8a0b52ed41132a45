//go:build linux

package script

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"go.starlark.net/starlark"

	"github.com/tslab/tslab/netlab"
)

// flagSet is which of the flags that lab programs share a command has.
type flagSet []string

const (
	stateFlag  = "state"
	hostFlag   = "host"
	clockFlag  = "clock"
	eventsFlag = "events"
	keyLogFlag = "keylog"
	ownerFlag  = "lserver" // folder of the license server on the same host
)

// sharedBy is the flags that the lab gives to the commands of a program that is no
// daemon.
func sharedBy(program, command string) flagSet {
	switch program {
	case "licmgr":
		switch command {
		case "backup", "restore", "confirm-clock", "scope": // at the license server's own machine
			return flagSet{ownerFlag}
		case "check":
			return flagSet{stateFlag, clockFlag, keyLogFlag}
		}
		return flagSet{stateFlag, keyLogFlag}
	case "lsreport":
		return flagSet{stateFlag, clockFlag, keyLogFlag}
	case "tscc":
		return flagSet{stateFlag}
	case "labdc":
		return flagSet{stateFlag}
	case "clearinghouse":
		return flagSet{stateFlag, clockFlag}
	case "tsclient":
		if command != "connect" { // it looks after the store
			return flagSet{stateFlag, clockFlag}
		}
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
	r, err := lab.Run(ctx, host, program, command, sharedBy(program, command), argv...)
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
	program, command, argv := argv[0], argv[1], argv[2:]
	if program == "lsreport" { // which has no commands: any of its words may be the first
		command, argv = "", append([]string{command}, argv...)
	}
	r, err := lab.Run(ctx, host, program, command, sharedBy(program, command), append(argv, more...)...)
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
