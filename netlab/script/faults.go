//go:build linux

package script

import (
	"fmt"
	"strings"
	"time"

	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"

	"github.com/tslab/tslab/netlab/fault"
)

// The words about what goes wrong.

// while is a stretch of elapsed time in the arguments of a word: "100ms", or a number
// of seconds.
type while time.Duration

// Unpack takes it from the arguments of a word.
func (w *while) Unpack(v starlark.Value) error {
	if s, ok := starlark.AsString(v); ok {
		d, err := time.ParseDuration(s)
		if err != nil {
			return fmt.Errorf("got %q, want a time such as \"100ms\" or a number of seconds", s)
		}
		*w = while(d)
		return nil
	}
	f, ok := starlark.AsFloat(v)
	if !ok {
		return fmt.Errorf("got %s, want a time such as \"100ms\" or a number of seconds", v.Type())
	}
	*w = while(f * float64(time.Second))
	return nil
}

// faultOf reads the arguments of fault.
func faultOf(args starlark.Tuple, kwargs []starlark.Tuple) (fault.Fault, error) {
	var where, peer starlark.Value
	var kind, direction, level, checksum string
	var percent number
	var delay, jitter, after, until, every, lasting while
	var port int
	var f fault.Fault
	err := starlark.UnpackArgs("fault", args, kwargs, "where", &where, "kind", &kind, "name?", &f.Name, "direction?", &direction,
		"peer?", &peer, "protocol?", &f.Protocol, "port?", &port, "message?", &f.Message, "nth?", &f.Nth, "times?", &f.Times, "level?", &level,
		"percent?", &percent, "delay?", &delay, "jitter?", &jitter, "overtake?", &f.Overtake, "gap?", &f.Gap,
		"kbit?", &f.Kilobits, "burst?", &f.Burst, "queue?", &f.Queue, "checksum?", &checksum, "copies?", &f.Copies,
		"after?", &after, "until?", &until, "every?", &every, "lasting?", &lasting, "seed?", &f.Seed)
	if err != nil {
		return f, err
	}
	f.Kind, f.Direction, f.Level, f.Checksum = fault.Kind(kind), fault.Direction(direction), fault.Level(level), fault.Checksum(checksum)
	f.Percent, f.Delay, f.Jitter = float64(percent), time.Duration(delay), time.Duration(jitter)
	f.Schedule = fault.Schedule{From: time.Duration(after), Until: time.Duration(until), Every: time.Duration(every), For: time.Duration(lasting)}
	if port < 0 || port > 65535 {
		return f, fmt.Errorf("port: %d; want 1 to 65535", port)
	}
	f.Port = uint16(port)
	at, err := hostName(where)
	if err != nil {
		return f, fmt.Errorf("where: %w, or what link() returned", err)
	}
	f.Host, f.Interface, _ = strings.Cut(at, ":")
	if f.Peers, err = peers(peer); err != nil {
		return f, fmt.Errorf("peer: %w", err)
	}
	return f, nil
}

func (e *engine) faultWord(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	f, err := faultOf(args, kwargs)
	if err != nil {
		return nil, err
	}
	lab, err := e.up()
	if err != nil {
		return nil, err
	}
	if f, err = lab.Fault(e.ctx, f); err != nil {
		return nil, err
	}
	return faultValue(f.Name, f.String(), 0, 0, true), nil
}

// peers takes a host, its name, or a list of them.
func peers(v starlark.Value) ([]string, error) {
	switch v := v.(type) {
	case nil, starlark.NoneType:
		return nil, nil
	case starlark.String, *starlarkstruct.Struct:
		name, err := hostName(v)
		return []string{name}, err
	default:
		return strs(v)
	}
}

func faultValue(name, text string, done, matched uint64, laid bool) starlark.Value {
	return structOf("fault", starlark.StringDict{
		"name": starlark.String(name), "text": starlark.String(text), "laid": starlark.Bool(laid),
		"done": starlark.MakeUint64(done), "matched": starlark.MakeUint64(matched),
	})
}

// partitionOf reads the arguments of partition.
func partitionOf(args starlark.Tuple, kwargs []starlark.Tuple) (name string, groups [][]string, err error) {
	if err := starlark.UnpackArgs("partition", nil, kwargs, "name?", &name); err != nil {
		return "", nil, err
	}
	for _, arg := range args {
		g, err := peers(arg)
		if err != nil {
			return "", nil, fmt.Errorf("want groups of hosts, as in partition([ts1, c1], [ls1]): %w", err)
		}
		groups = append(groups, g)
	}
	return name, groups, nil
}

func (e *engine) partitionWord(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	name, groups, err := partitionOf(args, kwargs)
	if err != nil {
		return nil, err
	}
	lab, err := e.up()
	if err != nil {
		return nil, err
	}
	if name, err = lab.Partition(e.ctx, name, groups); err != nil {
		return nil, err
	}
	return faultValue(name, "", 0, 0, true), nil
}

func (e *engine) healWord(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if err := starlark.UnpackArgs("heal", nil, kwargs); err != nil {
		return nil, err
	}
	names, err := strs(args)
	if err != nil {
		return nil, err
	}
	lab, err := e.up()
	if err != nil {
		return nil, err
	}
	return starlark.None, lab.Heal(e.ctx, names...)
}

func (e *engine) faultsWord(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var name starlark.Value
	if err := starlark.UnpackArgs("faults", args, kwargs, "name?", &name); err != nil {
		return nil, err
	}
	lab, err := e.up()
	if err != nil {
		return nil, err
	}
	records, err := lab.Faults(e.ctx)
	if err != nil {
		return nil, err
	}
	var list []starlark.Value
	for _, r := range records {
		done, matched := r.Total()
		list = append(list, faultValue(r.Name, r.Text, done, matched, r.Healed.IsZero()))
	}
	if name == nil {
		return starlark.NewList(list), nil
	}
	wanted, err := hostName(name)
	if err != nil {
		return nil, err
	}
	for i, r := range records {
		if r.Name == wanted {
			return list[i], nil
		}
	}
	return nil, fmt.Errorf("there is no fault %q", wanted)
}
