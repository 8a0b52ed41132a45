//go:build linux

package export

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tslab/tslab/netlab"
)

// lab is a plan with what an engine needs to know of it.
type lab struct {
	netlab.Plan
	to       Engine
	programs []program
	papers   []netlab.Planned // clearinghouse, activate and stock, before the story begins
	faulted  []laid
	first    *netlab.Planned  // connection
	later    []netlab.Planned // what is left to be done by hand
	unlaid   []string         // faults that the engine cannot do, with the reason
}

// program is a server that a host runs.
type program struct {
	host, name string
	argv       []string
	late       bool // the drill starts it when the story has begun
}

// begins says whether an action begins the story: what is before it is built up front.
func begins(word string) bool {
	return slices.Contains([]string{"connect", "advance", "skew", "stop", "kill", "pause", "resume"}, word)
}

func newLab(p netlab.Plan, to Engine) (*lab, error) {
	l := &lab{Plan: p, to: to}
	l.Name = engineName(p.Name)
	began := false
	for i, s := range p.Steps {
		began = began || begins(s.Word)
		switch {
		case s.Word == "step":
		case s.Word == "start" && !l.has(s.Host, s.Program):
			l.programs = append(l.programs, program{s.Host, s.Program, s.Args, began})
			if began {
				l.later = append(l.later, s)
			}
		case !began && (s.Word == "clearinghouse" || s.Word == "activate" || s.Word == "stock"):
			l.papers = append(l.papers, s)
		case s.Word == "fault" || s.Word == "partition":
			l.lay(s)
			l.later = append(l.later, s)
		default:
			l.later = append(l.later, s)
		}
		if s.Word == "connect" && l.first == nil {
			l.first = &p.Steps[i]
		}
	}
	for _, n := range p.Spec.Nets {
		if _, taken := p.Spec.Host(switchName(n.Name)); taken && to == Containerlab {
			return nil, fmt.Errorf("host %q: the switch of net %s has that name; call the host something else", switchName(n.Name), n.Name)
		}
	}
	for _, prog := range l.programs {
		for _, arg := range prog.argv {
			if strings.ContainsAny(arg, "$\n") && to == Containerlab {
				return nil, fmt.Errorf("%s on %s: %q cannot stand in a topology of containerlab, which takes $ for a variable", prog.name, prog.host, arg)
			}
		}
	}
	return l, nil
}

// engineName is a drill's name as all engines take it for a project, an image and a
// part of a container's name: lower-case letters, digits and inner hyphens.
func engineName(drill string) string {
	words := strings.FieldsFunc(strings.ToLower(drill), func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
	if len(words) == 0 {
		return "drill"
	}
	return strings.Join(words, "-")
}

func (l *lab) has(host, name string) bool {
	return slices.ContainsFunc(l.programs, func(p program) bool { return p.host == host && p.name == name })
}

// runs are the programs that a host starts by itself.
func (l *lab) runs(host string) []program {
	return slices.DeleteFunc(slices.Clone(l.programs), func(p program) bool { return p.host != host || p.late })
}

// image is the name of the image.
func (l *lab) image() string { return "tslab-" + l.Name + ":latest" }

// command is what a host's container runs.
func (l *lab) command(host string) []string {
	argv := []string{"sh", netlab.PlanRoot + "/boot", host}
	programs := l.runs(host)
	switch len(programs) {
	case 0:
		return argv
	case 1:
		return append(argv, programs[0].argv...)
	}
	var all []string
	for _, p := range programs {
		all = append(all, shell(p.argv)+" &")
		if h, _ := l.Spec.Host(host); p.name == controller && h.Controller { // the others are members of its domain
			address, port := h.Address().String(), l.enrollPort()
			all = append(all, fmt.Sprintf("until nc -z -w 1 %s %s; do sleep 1; done;", address, port))
		}
	}
	return append(argv, "sh", "-c", strings.Join(all, " ")+" wait")
}

// controller is the program that makes a host a domain controller.
const controller = "labdc"

// enrollPort is where domain controllers take in members.
func (l *lab) enrollPort() string {
	_, port := l.PlanEnroll("")
	return port
}

// firstController is the domain controller that is started first: it makes the key of
// the forest that the others read.
func (l *lab) firstController() string {
	i := slices.IndexFunc(l.programs, func(p program) bool { return p.name == controller && !p.late })
	if i < 0 {
		return ""
	}
	return l.programs[i].host
}

func (l *lab) domains() bool { return len(l.Spec.Controllers("")) > 0 }

func (l *lab) routers() bool {
	return slices.ContainsFunc(l.Spec.Hosts, func(h netlab.Host) bool { return h.Router })
}

// shell is a command line for a POSIX shell.
func shell(argv []string) string {
	quoted := make([]string, len(argv))
	for i, arg := range argv {
		quoted[i] = quote(arg)
	}
	return strings.Join(quoted, " ")
}

// quote is one word of a command line.
func quote(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-./:=,@%+", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
