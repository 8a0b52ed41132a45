//go:build linux

package netlab

import (
	"path"
	"time"

	"github.com/tslab/tslab/netlab/fault"
)

// Plan is what a drill would build and do, without anything having been built: what a
// lab elsewhere is made from. It is inert, as a [Spec] is.
type Plan struct {
	Name    string // of the drill
	Title   string // what it shows
	Edition string // of the leg of its matrix; "" without one
	Start   time.Time
	Spec    Spec
	Steps   []Planned
	// End is why the plan ends before the drill does: what follows depends on what would
	// have happened. "" when the drill has been followed to its end.
	End string
}

// Planned is one action of a drill.
type Planned struct {
	Place string // file:line
	Word  string // of the drill: "start", "activate", "fault" and so on
	Text  string // the action in a line

	Host     string      // where; of activate and stock the license server's
	Program  string      // of start, connect, stop, kill and the like
	Args     []string    // of a program's command line, without the flags that the lab gives it
	Office   string      // of activate and stock: the clearinghouse's host
	Count    int         // of stock: how many CALs
	Target   string      // of connect: the server's host
	Fault    fault.Fault // of fault
	Groups   [][]string  // of partition
	Name     string      // of clearinghouse and partition
	Names    []string    // of heal: faults and partitions; none for all
	Duration time.Duration
}

// Where a lab elsewhere keeps its files, on each of its hosts alike.
const (
	PlanRoot      = "/lab"
	PlanDocuments = PlanRoot + "/documents" // what is carried from host to host
	PlanDomain    = PlanRoot + "/domain"    // the secret and the key of its domains
	PlanClock     = PlanRoot + "/calendar/" + clockName
)

// PlanState is where a program keeps its state on its host.
func PlanState(program string) string { return path.Join(PlanRoot, "state", program) }

// PlanDaemon is the command line by which a lab elsewhere starts one of the lab's
// servers on a host.
func (p Plan) PlanDaemon(hostName, program, listen string, args ...string) []string {
	argv := append(command(program), planShared(hostName, program, []string{"state", "host", "clock", "events", "keylog"})...)
	if listen != "" {
		argv = append(argv, "--listen", listen)
	}
	h, _ := p.Spec.Host(hostName)
	argv = append(argv, p.Spec.domainFlags(h, program, PlanDomain)...)
	return append(argv, args...)
}

// PlanTool is the command line of a command of one of the lab's tools, with those of
// the flags that the lab gives it.
func PlanTool(hostName, program, command string, shared []string, args ...string) []string {
	return append(append([]string{program, command}, planShared(hostName, program, shared)...), args...)
}

// PlanJoin is the command line by which a host's tools become members of its domain.
func (p Plan) PlanJoin(h Host) []string {
	controllers := p.Spec.Controllers(h.Domain)
	if len(controllers) == 0 {
		return nil
	}
	argv := []string{
		controllerProgram, "join", "--domain", h.Domain, "--dc", controllers[0].Address().String(), "--join-secret-file", path.Join(PlanDomain, secretName),
	}
	return append(argv, planShared(h.Name, "licmgr", []string{"state", "host", "keylog"})...)
}

// PlanEnroll is where a domain's first controller takes in members.
func (p Plan) PlanEnroll(domain string) (address, port string) {
	if controllers := p.Spec.Controllers(domain); len(controllers) > 0 {
		return controllers[0].Address().String(), enrollPort
	}
	return "", ""
}

// planShared are the flags that programs of the lab share, for a lab elsewhere.
func planShared(hostName, program string, names []string) []string {
	state := PlanState(program)
	if program == "tscc" { // it speaks with the terminal server, in that one's
		state = PlanState("termsrv")
	}
	values := map[string]string{
		"state": state, "host": hostName, "clock": PlanClock,
		"events": path.Join(state, eventsName), "keylog": path.Join(state, keyLogName),
	}
	var argv []string
	for _, name := range names {
		argv = append(argv, "--"+name, values[name])
	}
	return argv
}

// command is how a program's server is called: that of the clearinghouse, which is a
// tool besides, by a command.
func command(program string) []string {
	if program == "clearinghouse" {
		return []string{program, "serve"}
	}
	return []string{program}
}
