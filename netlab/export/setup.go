//go:build linux

package export

import (
	"fmt"
	"strings"

	"github.com/tslab/tslab/netlab"
)

// setup is a script of what the drill does before its story begins: hosts join their
// domain, the clearinghouse is founded, license servers are activated and stocked.
func (l *lab) setup() string {
	lines := []string{
		"#!/bin/sh",
		"# What the drill does before its story begins. Once, when the lab is up.",
		"set -eu",
		`cd "$(dirname "$0")"`,
		". ./engine.sh",
		"",
		"# ready HOST COMMAND...: waits until a command on a host succeeds.",
		"ready() {",
		"	for _ in $(seq 60); do",
		`		if on "$@" </dev/null >/dev/null 2>&1; then return 0; fi`,
		"		sleep 1",
		"	done",
		`	echo "setup.sh: no success in a minute: $*" >&2`,
		`	on "$@" </dev/null # says why`,
		"}",
		"# carry HOST HOST FILE: brings a document from one host to the other, as by fax.",
		`carry() { on "$1" cat "$3" </dev/null | on "$2" sh -c "cat >'$3.part' && mv '$3.part' '$3'"; }`,
		"",
		`for host in $hosts; do ready "$host" test -s ` + netlab.PlanClock + "; done",
	}
	lines = append(lines, l.joins()...)
	packs := 0
	for _, s := range l.papers {
		lines = append(lines, "# "+s.Place+": "+s.Text)
		switch s.Word {
		case "clearinghouse":
			lines = append(lines, l.found(s)...)
		case "activate":
			lines = append(lines, l.activate(s)...)
		case "stock":
			packs++
			lines = append(lines, l.stock(s, packs)...)
		}
	}
	return text(append(lines, `echo "set up"`)...)
}

// joins make hosts members of their domains.
func (l *lab) joins() []string {
	var lines []string
	for _, h := range l.Spec.Hosts {
		if argv := l.PlanJoin(h); h.Domain != "" && argv != nil && l.isController(h.Domain) {
			lines = append(lines, "# The tools of "+h.Name+" become members of its domain.", "ready "+h.Name+" "+shell(argv))
		}
	}
	return lines
}

// isController says whether the drill starts a controller of the domain up front.
func (l *lab) isController(domain string) bool {
	for _, h := range l.Spec.Controllers(domain) {
		for _, p := range l.runs(h.Name) {
			if p.name == "labdc" {
				return true
			}
		}
	}
	return false
}

func licmgr(host, command string, args ...string) string {
	return host + " " + shell(netlab.PlanTool(host, "licmgr", command, []string{"state", "keylog"}, args...))
}

func clearinghouse(host, command string, args ...string) string {
	return host + " " + shell(netlab.PlanTool(host, "clearinghouse", command, []string{"state", "clock"}, args...))
}

func document(name string) string { return netlab.PlanDocuments + "/" + name }

func (l *lab) found(s netlab.Planned) []string {
	var args []string
	if s.Name != "" {
		args = []string{"--name", s.Name}
	}
	roots := document("roots.pem")
	lines := []string{
		"on " + clearinghouse(s.Host, "init", args...) + " </dev/null || true # it may be there already",
		"on " + clearinghouse(s.Host, "root", "--output", roots) + " </dev/null",
	}
	for _, host := range l.readers(roots) {
		if host != s.Host {
			lines = append(lines, fmt.Sprintf("carry %s %s %s", s.Host, host, roots))
		}
	}
	return lines
}

// readers are the hosts whose programs are told of a document.
func (l *lab) readers(path string) []string {
	var hosts []string
	for _, p := range l.programs {
		for _, arg := range p.argv {
			if arg == path {
				hosts = append(hosts, p.host)
			}
		}
	}
	return hosts
}

func (l *lab) activate(s netlab.Planned) []string {
	request, answer := document(s.Host+".request"), document(s.Host+".activation")
	return []string{
		"ready " + licmgr(s.Host, "show"),
		"on " + licmgr(s.Host, "request", "--output", request) + " </dev/null",
		fmt.Sprintf("carry %s %s %s", s.Host, s.Office, request),
		"on " + clearinghouse(s.Office, "activate", "--output", answer, request) + " </dev/null",
		fmt.Sprintf("carry %s %s %s", s.Office, s.Host, answer),
		"on " + licmgr(s.Host, "activate", "--file", answer) + " </dev/null",
	}
}

func (l *lab) stock(s netlab.Planned, number int) []string {
	pack := document(fmt.Sprintf("%s-%d.keypack", s.Host, number))
	issue := clearinghouse(s.Office, "issue", append([]string{"--server", "LSID", "--count", fmt.Sprint(s.Count), "--output", pack}, s.Args...)...)
	return []string{
		"lsid=$(on " + licmgr(s.Host, "show", "--json") + ` </dev/null | sed -n 's/.*"server_id": *"\([^"]*\)".*/\1/p' | head -n 1)`,
		"on " + strings.Replace(issue, "--server LSID", `--server "$lsid"`, 1) + " </dev/null",
		fmt.Sprintf("carry %s %s %s", s.Office, s.Host, pack),
		"on " + licmgr(s.Host, "install", "--file", pack) + " </dev/null",
	}
}
