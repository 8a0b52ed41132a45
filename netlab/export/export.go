//go:build linux

// Package export turns what a drill would build into a lab for an engine of other
// people: Docker Compose, or containerlab, which runs on Docker and, through
// clabernetes, on Kubernetes. It writes texts and runs nothing.
//
// An export is a folder: the topology in the engine's language, the recipe of an
// image with the lab's programs, what each host does when it starts, and scripts for
// what topologies cannot say: the paper trail between license servers and the
// clearinghouse, faults, and the calendar. Its README says what does not carry over.
package export

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tslab/tslab/netlab"
)

// Engine is what runs the lab.
type Engine string

// The engines.
const (
	Compose      Engine = "compose"
	Containerlab Engine = "containerlab"
)

// Engines are all of them.
func Engines() []Engine { return []Engine{Compose, Containerlab} }

// ParseEngine is the engine of that name.
func ParseEngine(name string) (Engine, error) {
	if e := Engine(name); slices.Contains(Engines(), e) {
		return e, nil
	}
	return "", fmt.Errorf("there is no engine %q to export to; there are %s and %s", name, Compose, Containerlab)
}

// File is one file of an export.
type File struct {
	Name    string // with slashes, beneath the folder
	Script  bool   // it can be executed
	Content string
}

// Export is a lab for another engine.
type Export struct {
	Engine   Engine
	Topology string // name of the file that the engine reads
	Files    []File
	Left     []string // what does not carry over, a sentence each
}

// Make exports a plan.
func Make(p netlab.Plan, to Engine) (*Export, error) {
	l, err := newLab(p, to)
	if err != nil {
		return nil, err
	}
	e := &Export{Engine: to}
	var topology string
	switch to {
	case Compose:
		e.Topology, topology = "compose.yaml", l.compose()
	case Containerlab:
		e.Topology, topology = l.Name+".clab.yml", l.containerlab()
	default:
		return nil, fmt.Errorf("there is no engine %q to export to", to)
	}
	e.Files = []File{
		{e.Topology, false, topology},
		{"Dockerfile", false, l.dockerfile()},
		{"build.sh", true, l.build()},
		{"boot", true, l.boot()},
		{"engine.sh", false, l.engine()},
		{"setup.sh", true, l.setup()},
		{"calendar.sh", true, l.calendar()},
		{"faults.sh", true, l.faults()},
	}
	for _, h := range p.Spec.Hosts {
		e.Files = append(e.Files, File{"hosts/" + h.Name + ".sh", false, l.hostScript(h)})
	}
	if to == Containerlab {
		for _, n := range p.Spec.Nets {
			e.Files = append(e.Files, File{"hosts/" + switchName(n.Name) + ".sh", false, l.switchScript(n)})
		}
	}
	e.Left = l.leftOver()
	e.Files = append(e.Files, File{"README.md", false, l.readme(e)})
	return e, nil
}

// Mark is a line that every export's README has, by which a folder is known as one.
const Mark = "Made by `tslab export`."

// text joins lines, each with its end.
func text(lines ...string) string { return strings.Join(lines, "\n") + "\n" }
