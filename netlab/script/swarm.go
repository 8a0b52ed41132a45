//go:build linux

package script

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"

	"github.com/tslab/tslab/netlab"
)

const (
	swarmParallel = 16   // clients at once unless told otherwise
	maxSwarm      = 5000 // a lab's clients are processes of this machine
	clientTime    = 2 * time.Second
)

// swarm is what connect takes beside the flags of tsclient.
type swarm struct {
	count, parallel int
	store           string
	stay            bool
}

// hostNames takes a host or a list of them.
func hostNames(v starlark.Value) ([]string, error) {
	list, ok := v.(starlark.Iterable)
	if !ok {
		name, err := hostName(v)
		return []string{name}, err
	}
	var names []string
	for item := range starlark.Elements(list) {
		name, err := hostName(item)
		if err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		return nil, errors.New("want one host or more")
	}
	return names, nil
}

// swarm connects many devices, each with a name and a store of its own, from the
// hosts in turn.
func (e *engine) swarm(hosts []string, target string, s swarm, others []starlark.Tuple) (starlark.Value, error) {
	if s.count < 1 || s.count > maxSwarm || s.parallel < 1 || s.stay {
		return nil, fmt.Errorf("count: want 1 to %d clients, parallel 1 or more, and no stay", maxSwarm)
	}
	base, pattern := "PC", starlark.Value(nil)
	rest := slices.DeleteFunc(slices.Clone(others), func(pair starlark.Tuple) bool {
		if pair[0] == starlark.String("name") {
			pattern = pair[1]
			return true
		}
		return false
	})
	if pattern != nil {
		var err error
		if base, err = text(pattern); err != nil {
			return nil, fmt.Errorf("name: %w", err)
		}
	}
	argv, err := flags(rest)
	if err != nil {
		return nil, err
	}
	width := len(fmt.Sprint(s.count))
	jobs := make([]netlab.Job, s.count)
	for i := range jobs {
		device := fmt.Sprintf("%s-%0*d", base, width, i+1)
		jobs[i] = netlab.Job{
			Host: hosts[i%len(hosts)], Program: "tsclient", Command: "connect", Shared: sharedBy("tsclient", "connect"),
			Args: append(slices.Clone(argv), "--name", device, "--json", target), State: strings.ToLower(device),
		}
	}
	lab, err := e.up()
	if err != nil {
		return nil, err
	}
	ctx, cancel := e.timeout(patience+time.Duration(s.count)*clientTime, "they did not all end")
	defer cancel()
	results, err := lab.RunMany(ctx, jobs, s.parallel)
	if err != nil {
		return nil, err
	}
	return swarmValue(results)
}

// swarmValue is what came of many: how many had which status and which kind of
// token, the set of license ids, and each connection.
func swarmValue(results []netlab.Result) (starlark.Value, error) {
	statuses, kinds := starlark.NewDict(4), starlark.NewDict(4)
	licenses := starlark.NewSet(len(results))
	var all []starlark.Value
	for i, r := range results {
		report, err := decodeReport(r)
		if err != nil {
			return nil, fmt.Errorf("client %d of %d: exit status %d: %s", i+1, len(results), r.Exit, oneLine(r.Stderr))
		}
		err = errors.Join(countIn(statuses, report["status"]), countIn(kinds, report["kind"]))
		if token, ok := report["token"].(*starlarkstruct.Struct); ok {
			if id, idErr := token.Attr("license_id"); idErr == nil {
				err = errors.Join(err, licenses.Insert(id))
			}
		}
		if err != nil {
			return nil, err
		}
		all = append(all, resultValue("connection", r, report))
	}
	return structOf("swarm", starlark.StringDict{
		"count": starlark.MakeInt(len(results)), "statuses": statuses, "kinds": kinds, "licenses": licenses, "all": starlark.NewList(all),
	}), nil
}

func countIn(d *starlark.Dict, key starlark.Value) error {
	if key == nil {
		key = starlark.None
	}
	n, ok, err := d.Get(key)
	if err != nil {
		return err
	}
	if !ok {
		n = starlark.MakeInt(0)
	}
	return d.SetKey(key, n.(starlark.Int).Add(starlark.MakeInt(1)))
}
