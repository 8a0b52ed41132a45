//go:build linux

package script

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"

	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"

	"github.com/tslab/tslab/netlab"
)

// connectExits are the exit statuses of tsclient connect that are answers: refused
// by licensing, logon failed, not reachable.
func connectExits() []int { return []int{3, 4, 5} }

// connectWords are the arguments of connect that are no flags of tsclient.
func connectWords() []string {
	return []string{"client", "server", "stay", "background", "store", "count", "parallel"}
}

func (e *engine) connectWord(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	own, others := takeFlags(kwargs, connectWords()...)
	var from, to starlark.Value
	s := swarm{parallel: swarmParallel}
	var background bool
	many := given(own, "count")
	err := starlark.UnpackArgs("connect", args, own, "client", &from, "server", &to,
		"stay?", &s.stay, "background?", &background, "store?", &s.store, "count?", &s.count, "parallel?", &s.parallel)
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
	if background && (many || s.stay) {
		return nil, errors.New("background: one device, that does not stay")
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
	return e.connectOne(hosts[0], append(argv, "--json", target), s, background)
}

// connectOne connects one device from a host.
func (e *engine) connectOne(host string, argv []string, s swarm, background bool) (starlark.Value, error) {
	if s.store != "" { // behind the lab's own, so that it is the one that counts
		if s.store != filepath.Base(s.store) || s.store == ".." || s.store == "." {
			return nil, fmt.Errorf("store: %q is no name of a folder", s.store)
		}
		lab, err := e.up()
		if err != nil {
			return nil, err
		}
		argv = append([]string{"--state", filepath.Join(lab.ProgramFolder(host, "tsclient"), s.store)}, argv...)
	}
	if s.stay {
		return e.stay(host, argv)
	}
	if background {
		lab, err := e.up()
		if err != nil {
			return nil, err
		}
		p, err := lab.Begin(host, "tsclient", "connect", sharedBy("tsclient", "connect"), argv...)
		return process{p}, err
	}
	r, err := e.tool(host, "tsclient", "connect", argv, append(connectExits(), 1)...)
	if err != nil {
		return nil, err
	}
	return connectionValue(host, r)
}

// connectionValue is what came of a connection.
func connectionValue(host string, r netlab.Result) (starlark.Value, error) {
	report, err := decodeReport(r)
	if err != nil {
		return nil, fmt.Errorf("tsclient on %s: exit status %d: %s", host, r.Exit, oneLine(r.Stderr))
	}
	return resultValue("connection", r, report), nil
}

// endedWord waits for a connection that was begun with background=True.
func (e *engine) endedWord(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var p process
	if err := starlark.UnpackArgs("ended", args, kwargs, "program", &p); err != nil {
		return nil, err
	}
	if p.Program != "tsclient" {
		return nil, fmt.Errorf("%s is no connection", p.Program)
	}
	ctx, cancel := e.timeout(patience, "it did not end")
	defer cancel()
	r, err := e.lab.Ended(ctx, p.Process)
	if err != nil {
		return nil, err
	}
	return connectionValue(p.Host, r)
}

// stay connects and leaves the client logged on; stop makes it leave.
func (e *engine) stay(host string, argv []string) (starlark.Value, error) {
	lab, err := e.up()
	if err != nil {
		return nil, err
	}
	ctx, cancel := e.timeout(patience, "it did not log on")
	defer cancel()
	p, err := lab.RunOn(ctx, host, "tsclient", "connect", sharedBy("tsclient", "connect"), append([]string{"--stay"}, argv...), "client.logged-on")
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
