package edition

import (
	"fmt"
	"strings"
)

// Of is edition e with every knob at its default.
func Of(e Edition) Profile {
	p := Profile{Edition: e}
	for _, k := range table() {
		if def := k.def(e); def != "-" {
			k.codec.set(&p, def)
		}
	}
	return p
}

func (k knob) def(e Edition) string {
	switch e {
	case RTM:
		return k.rtm
	case SP3:
		return k.sp3
	case Server2003:
		return k.net
	}
	return "-"
}

// Set turns one knob. An error says what values there are, and leaves the
// profile as it was.
func (p *Profile) Set(name, value string) error {
	k, ok := find(name)
	switch {
	case !ok:
		return fmt.Errorf("knob %q is not known; %s", name, nearest(name))
	case k.def(p.Edition) == "-":
		return fmt.Errorf("knob %s does not apply to %s", name, p.Edition)
	}
	changed := *p
	if !k.codec.set(&changed, value) {
		return fmt.Errorf("knob %s cannot be %q; it is %s (%s)", name, value, k.codec.values, k.meaning)
	}
	*p = changed
	return nil
}

// Get is the value of a knob as Set reads it; "-" if the knob does not apply to
// the edition, "" if there is no such knob.
func (p *Profile) Get(name string) string {
	k, ok := find(name)
	switch {
	case !ok:
		return ""
	case k.def(p.Edition) == "-":
		return "-"
	}
	return k.codec.get(p)
}

func find(name string) (knob, bool) {
	for _, k := range table() {
		if k.name == name {
			return k, true
		}
	}
	return knob{}, false
}

// nearest names the knobs that share a word with a wrong name.
func nearest(name string) string {
	var near []string
	for _, k := range table() {
		for word := range strings.SplitSeq(k.name, "_") {
			if len(word) > 2 && strings.Contains(strings.ToLower(name), word) {
				near = append(near, k.name)
				break
			}
		}
	}
	if len(near) == 0 {
		return "`tslab editions` lists them all"
	}
	return "near it are " + strings.Join(near, ", ") + " (`tslab editions` lists them all)"
}
