package edition

import (
	"fmt"
	"strings"
)

// Readers are the programs that read a knob. internal/layers reads their source and
// holds the table to it.
type Readers uint8

// The programs.
const (
	TerminalServer Readers = 1 << iota // termsrv
	LicenseServer                      // lserver
	Tool                               // licmgr, on its way to the clearinghouse
	Calendar                           // who moves the calendar of a lab: a drill, tslab serve
)

// String names the programs.
func (r Readers) String() string {
	var names []string
	for i, name := range []string{"termsrv", "lserver", "licmgr", "the lab's calendar"} {
		if r&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

// remedy is where a setting belongs.
func (r Readers) remedy(setting string) string {
	switch {
	case r&LicenseServer != 0:
		return "it is the license server's; start lserver with --set " + setting
	case r&TerminalServer != 0:
		return "it is the terminal server's; start termsrv with --set " + setting + ", or use tscc"
	case r&Tool != 0:
		return "it is about the way to the clearinghouse; give licmgr --set " + setting
	}
	return "it is the calendar's, which `tslab serve --set " + setting + "` or the drill's start moves"
}

// SetAll turns knobs as a command line does: each is name=value, and several may stand
// in one text with commas between them. A word without = goes on with the list before
// it: serves_ts=w2k-rtm,w2k-sp3.
func (p *Profile) SetAll(settings []string) error {
	return p.SetFor(TerminalServer|LicenseServer|Tool|Calendar, settings)
}

// SetFor is SetAll in a program that is one of the readers: a knob of others is refused
// with where it belongs.
func (p *Profile) SetFor(program Readers, settings []string) error {
	changed := *p
	for _, s := range joined(settings) {
		name, value, ok := strings.Cut(s, "=")
		if !ok {
			return fmt.Errorf("setting %q: want knob=value", s)
		}
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if err := changed.Set(name, value); err != nil {
			return err
		}
		if err := Belongs(program, name, value); err != nil {
			return err
		}
	}
	*p = changed
	return nil
}

// Belongs is an error, with where the setting belongs, if none of the programs reads
// the knob.
func Belongs(program Readers, name, value string) error {
	if k, ok := find(name); ok && k.readers&program == 0 {
		return fmt.Errorf("knob %s cannot be set here: %s", name, k.readers.remedy(name+"="+value))
	}
	return nil
}

// joined takes texts apart at commas and puts lists together again.
func joined(settings []string) []string {
	var list []string
	for _, text := range settings {
		for word := range strings.SplitSeq(text, ",") {
			if n := len(list); n > 0 && !strings.Contains(word, "=") {
				list[n-1] += "," + word
			} else {
				list = append(list, word)
			}
		}
	}
	return list
}
