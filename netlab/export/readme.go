//go:build linux

package export

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tslab/tslab/netlab"
)

// maxLater is how many of the drill's later actions the README lists.
const maxLater = 60

// leftOver is what does not carry over.
func (l *lab) leftOver() []string {
	left := []string{
		"The drill's story and its expectations: nobody connects, advances the calendar or compares. What the drill does is listed below, for doing by hand.",
		"The capture, the report and the ladder: the engine records nothing. Each program writes its event log and its key log on its host, under " + netlab.PlanRoot + "/state.",
		"One calendar for all: each host has its own, which begins when its container does; calendar.sh moves them a day at a time, host after host. What is moved is the offset from the machine's clock.",
		"The seed of the network: netem throws its own dice. Servers are told the seed of the drill.",
		"Hardware addresses: the engine chooses them.",
		"Real clients, and programs of this machine that the drill runs (exec): the image holds the lab's own programs only.",
	}
	switch l.to {
	case Compose:
		left = append(left, "More than one machine: Compose runs on one Docker; for several, export to containerlab.")
		if l.routers() {
			left = append(left, "A network without a way out: the drill has routers, so its networks are not internal ones and every host has a default route to the machine.")
		}
		if slices.ContainsFunc(l.Spec.Nets, func(n netlab.Net) bool { return !n.Prefix.IsValid() }) {
			left = append(left, "Old Docker: a network of IPv6 alone takes Docker 28 or later.")
		}
	case Containerlab:
		left = append(left, "Access over a management network: nodes have none, as hosts would find each other over it. Commands are run with docker exec.")
	}
	if len(l.Spec.Controllers("")) > 1 {
		left = append(left, "One forest on several machines: domain controllers share its key in the folder domain, which must be the same on all of them.")
	}
	if l.End != "" {
		left = append(left, "The drill from here on, as its way depends on what happened before: "+l.End+".")
	}
	return append(left, l.unlaid...)
}

// readme says how to run the lab, and what it is not.
func (l *lab) readme(e *Export) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s\n\n%s%s\n\n", l.Name, Mark, l.Title, edition(l.Edition))
	up, down := "docker compose up -d", "docker compose down"
	if l.to == Containerlab {
		up, down = "sudo containerlab deploy -t "+e.Topology, "sudo containerlab destroy -t "+e.Topology
	}
	fmt.Fprintf(&b, "    ./build.sh          # the image %s\n    %s\n    ./setup.sh          # %s\n", l.image(), up, "activation, key packs, memberships")
	if l.first != nil {
		fmt.Fprintf(&b, "    %s\n", l.on(l.first.Host, l.first.Args))
	}
	fmt.Fprintf(&b, "    ./calendar.sh 1     # a day later\n    ./faults.sh         # lists the faults\n    %s\n", down)
	b.WriteString("\n## What runs where\n\n")
	for _, p := range l.programs {
		late := ""
		if p.late {
			late = " (not by itself: the drill starts it later)"
		}
		fmt.Fprintf(&b, "- %s: `%s`%s\n", p.host, shell(p.argv), late)
	}
	b.WriteString("\n## What does not carry over\n\n")
	for _, s := range e.Left {
		fmt.Fprintf(&b, "- %s\n", s)
	}
	if len(l.later) == 0 {
		return b.String()
	}
	b.WriteString("\n## What the drill does then\n\n")
	for _, s := range l.later[:min(len(l.later), maxLater)] {
		fmt.Fprintf(&b, "- %s\n", l.byHand(s))
	}
	if more := len(l.later) - maxLater; more > 0 {
		fmt.Fprintf(&b, "- and %d more\n", more)
	}
	return b.String()
}

func edition(name string) string {
	if name == "" {
		return ""
	}
	return " (edition " + name + ")"
}

// on is how a command is run on a host, by hand.
func (l *lab) on(host string, argv []string) string {
	if l.to == Containerlab {
		return fmt.Sprintf("docker exec clab-%s-%s %s", l.Name, host, shell(argv))
	}
	return fmt.Sprintf("docker compose exec %s %s", host, shell(argv))
}

// byHand is an action of the drill with what to type for it, where that is known.
func (l *lab) byHand(s netlab.Planned) string {
	line := s.Place + ": " + s.Text
	known := func(name string) bool {
		return slices.ContainsFunc(l.faulted, func(f laid) bool { return f.name == name })
	}
	switch {
	case s.Word == "start", s.Word == "connect" && s.Args != nil:
		line += ": `" + l.on(s.Host, s.Args) + "`"
	case (s.Word == "fault" || s.Word == "partition") && known(s.Name):
		line += ": `./faults.sh lay " + quote(s.Name) + "`"
	case s.Word == "advance" && s.Duration.Hours() >= 24:
		line += fmt.Sprintf(": `./calendar.sh %d`", int(s.Duration.Hours()/24))
	case s.Word == "heal":
		for _, name := range s.Names {
			if known(name) {
				line += ": `./faults.sh heal " + quote(name) + "`"
			}
		}
	}
	return line
}
