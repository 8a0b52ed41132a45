//go:build linux

package export

import (
	"fmt"
	"strings"

	"github.com/tslab/tslab/netlab"
)

// shipped are the programs that the image holds.
func shipped() []string {
	return []string{"tslab", "termsrv", "lserver", "clearinghouse", "labdc", "licmgr", "lsreport", "tscc", "tsclient"}
}

// dockerfile is the recipe of the image. The programs are static; the base has the
// shell that boot is written in, and ip and tc.
func (l *lab) dockerfile() string {
	return text("# "+Mark,
		"FROM alpine:3.22",
		"RUN apk add --no-cache iproute2",
		"COPY bin/ /usr/local/bin/",
		"COPY boot "+netlab.PlanRoot+"/boot",
		"COPY hosts/ "+netlab.PlanRoot+"/hosts/")
}

// build makes the image from the programs that are installed here.
func (l *lab) build() string {
	lines := []string{
		"#!/bin/sh",
		"# Makes the image " + l.image() + " from the programs in $TSLAB_BIN, or beside the",
		"# tslab that is on PATH. They must be static, as `make build` makes them.",
		"set -eu",
		`cd "$(dirname "$0")"`,
		`from=${TSLAB_BIN:-$(dirname "$(command -v tslab)")}`,
		"rm -rf bin && mkdir bin",
		"for program in " + strings.Join(shipped(), " ") + "; do",
		`	cp "$from/$program" bin/`,
		"done",
	}
	if l.domains() {
		lines = append(lines, "# The secret by which hosts join their domain.",
			"mkdir -p domain", "[ -s domain/secret ] || { umask 077; head -c 20 /dev/urandom | od -An -tx1 | tr -d ' \\n' >domain/secret; }")
	}
	return text(append(lines, "docker build -t "+quote(l.image())+" .")...)
}

// engine is what the scripts know of the engine.
func (l *lab) engine() string {
	var names []string
	for _, h := range l.Spec.Hosts {
		names = append(names, h.Name)
	}
	on := `on() { host=$1; shift; docker compose exec -T "$host" "$@"; }`
	if l.to == Containerlab {
		on = fmt.Sprintf(`on() { host=$1; shift; docker exec -i "clab-%s-$host" "$@"; }`, l.Name)
	}
	return text("# What the scripts know of the engine: every host, and how a command is run on one.",
		"hosts="+quote(strings.Join(names, " ")),
		`[ -z "${TSLAB_ON:-}" ] || { on() { "$TSLAB_ON" "$@"; }; return 0; } # a program of your own that does it`,
		on)
}

// calendar moves the hosts' calendars.
func (l *lab) calendar() string {
	return text("#!/bin/sh",
		"# calendar.sh DAYS: moves the calendar of every host, all of them by a day at a time.",
		"set -eu",
		`cd "$(dirname "$0")"`,
		". ./engine.sh",
		`days=${1:?"usage: calendar.sh DAYS"}`,
		`while [ "$days" -gt 0 ]; do`,
		`	for host in $hosts; do`,
		fmt.Sprintf(`		date=$(on "$host" tslab clock --state %s/calendar +1d </dev/null)`, netlab.PlanRoot),
		`	done`,
		`	days=$((days - 1))`,
		`	echo "$date"`,
		`done`)
}
