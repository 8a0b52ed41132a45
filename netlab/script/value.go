//go:build linux

package script

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"

	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/netlab"
)

// structOf makes a value with fields, which prints as name(field=..., ...).
func structOf(name string, fields starlark.StringDict) *starlarkstruct.Struct {
	return starlarkstruct.FromStringDict(starlark.String(name), fields)
}

func hostValue(h netlab.Host) starlark.Value {
	fields := starlark.StringDict{
		"name": starlark.String(h.Name), "address": starlark.String(h.Address().String()), "address6": starlark.None,
	}
	if a := h.Cables[0].Address6; a.IsValid() {
		fields["address6"] = starlark.String(a.String())
	}
	return structOf("host", fields)
}

func eventValue(e eventlog.Event) starlark.Value {
	fields := starlark.StringDict{}
	for name, value := range e.Fields {
		fields[name] = starlark.String(value)
	}
	return structOf("event", starlark.StringDict{
		"date": starlark.String(e.Lab.UTC().Format(time.RFC3339)), "host": starlark.String(e.Host),
		"program": starlark.String(e.Program), "name": starlark.String(e.Name), "id": starlark.MakeInt(e.ID),
		"severity": starlark.String(e.Severity), "text": starlark.String(e.Text), "fields": structOf("fields", fields),
	})
}

// jsonValue turns decoded JSON into values of the drill; objects become structs.
func jsonValue(name string, v any) starlark.Value {
	switch v := v.(type) {
	case nil:
		return starlark.None
	case bool:
		return starlark.Bool(v)
	case string:
		return starlark.String(v)
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return starlark.MakeInt64(int64(v))
		}
		return starlark.Float(v)
	case []any:
		list := make([]starlark.Value, len(v))
		for i, item := range v {
			list[i] = jsonValue(name, item)
		}
		return starlark.NewList(list)
	case map[string]any:
		fields := starlark.StringDict{}
		for key, item := range v {
			fields[attribute(key)] = jsonValue(attribute(key), item)
		}
		return structOf(name, fields)
	}
	return starlark.String(fmt.Sprint(v))
}

// attribute makes a JSON key a name that can stand behind a dot.
func attribute(key string) string {
	return strings.NewReplacer("-", "_", ".", "_", " ", "_").Replace(key)
}

// hostName takes a host or its name.
func hostName(v starlark.Value) (string, error) {
	switch v := v.(type) {
	case starlark.String:
		return string(v), nil
	case *starlarkstruct.Struct:
		if name, err := v.Attr("name"); err == nil {
			if s, ok := starlark.AsString(name); ok {
				return s, nil
			}
		}
	}
	return "", fmt.Errorf("got %s, want a host or its name", v.Type())
}

// text is a value as it stands on a command line: hosts by name, True as nothing.
func text(v starlark.Value) (string, error) {
	switch v := v.(type) {
	case starlark.String:
		return string(v), nil
	case starlark.Int, starlark.Float, starlark.Bool:
		return v.String(), nil
	case *starlarkstruct.Struct:
		return hostName(v)
	}
	return "", fmt.Errorf("got %s, want a string, a number or a host", v.Type())
}

// flags turns name=value arguments into a command line: user="x" is --user x,
// stay=True is --stay, False and None are left out, a list repeats its flag.
func flags(kwargs []starlark.Tuple) ([]string, error) {
	var argv []string
	for _, pair := range kwargs {
		name := "--" + strings.ReplaceAll(string(pair[0].(starlark.String)), "_", "-")
		values := []starlark.Value{pair[1]}
		if list, ok := pair[1].(*starlark.List); ok {
			values = slices.Collect(list.Elements())
		}
		for _, v := range values {
			switch v := v.(type) {
			case starlark.NoneType:
				continue
			case starlark.Bool:
				if v {
					argv = append(argv, name)
				}
				continue
			}
			s, err := text(v)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", pair[0], err)
			}
			argv = append(argv, name, s)
		}
	}
	return argv, nil
}

// takeFlags splits kwargs into those that a word knows and the others, which are
// flags of the program that it runs.
func takeFlags(kwargs []starlark.Tuple, known ...string) (own, others []starlark.Tuple) {
	for _, pair := range kwargs {
		if slices.Contains(known, string(pair[0].(starlark.String))) {
			own = append(own, pair)
		} else {
			others = append(others, pair)
		}
	}
	return own, others
}

// strs takes a list or tuple of strings, numbers and hosts.
func strs(v starlark.Value) ([]string, error) {
	if v == nil || v == starlark.None {
		return nil, nil
	}
	items, ok := v.(starlark.Iterable)
	if !ok {
		return nil, fmt.Errorf("got %s, want a list", v.Type())
	}
	var out []string
	for item := range starlark.Elements(items) {
		s, err := text(item)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// environ turns a dict into NAME=value lines.
func environ(d *starlark.Dict) ([]string, error) {
	if d == nil {
		return nil, nil
	}
	vars := map[string]string{}
	for _, item := range d.Items() {
		name, ok := starlark.AsString(item[0])
		if !ok {
			return nil, errors.New("env: names are strings")
		}
		value, err := text(item[1])
		if err != nil {
			return nil, fmt.Errorf("env: %s: %w", name, err)
		}
		vars[name] = value
	}
	var out []string
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		out = append(out, name+"="+vars[name])
	}
	return out, nil
}
