//go:build linux

package script

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"go.starlark.net/starlark"

	"github.com/tslab/tslab/netlab"
)

// planner is a drill that is followed without a lab: what it would do is written down,
// and what it would find is unknown.
type planner struct {
	*engine
	plan  netlab.Plan
	named map[string]int // of faults that were given no name, by kind
	date  time.Time

	certain bool // what ended the plan ends a run, too: it does not depend on what would be found
	ended   error
	asked   int // how often the way of the drill went by what would be found

	remarks []Remark
}

// planSteps stops a plan: a loop that waits for what only a lab can bring never ends.
const planSteps = maxSteps / 10

// Plan follows a drill without building anything and says what it would build and do.
// The nets, hosts, servers and faults are those of the drill; where the drill's way
// depends on what would have happened, the plan goes the way of nothing having
// happened, or ends there and says so. An error means that the drill cannot be read.
func (d Drill) Plan(o Options) (netlab.Plan, error) {
	p, err := d.follow(o)
	if err != nil {
		return netlab.Plan{}, err
	}
	if len(p.spec.Hosts) == 0 {
		return p.plan, fmt.Errorf("%s: the drill declares no hosts%s", d.File, because(p.plan.End))
	}
	return p.plan, nil
}

// mistakes are the errors that a run of the drill would end with whatever happens in it,
// the first of each leg: hosts and events that there are not, nets that cannot be. The
// remarks are of what a run goes on with, and is seldom meant.
func (d Drill) mistakes() ([]Remark, error) {
	legs, err := d.Legs(Options{})
	if err != nil {
		return nil, err
	}
	var remarks []Remark
	var errs []error
	said := map[string]bool{}
	for _, leg := range legs {
		p, err := d.follow(leg)
		if err != nil {
			return nil, err
		}
		for _, r := range p.remarks {
			if !slices.Contains(remarks, r) {
				remarks = append(remarks, r)
			}
		}
		if p.certain && !said[p.plan.End] {
			said[p.plan.End] = true
			errs = append(errs, p.ended)
		}
	}
	return remarks, errors.Join(errs...)
}

// follow follows a drill without a lab.
func (d Drill) follow(o Options) (*planner, error) {
	if err := d.Check(); err != nil {
		return nil, err
	}
	if o.Start.IsZero() {
		o.Start = netlab.DefaultStart()
	}
	o.Out = io.Discard
	legs, err := d.Legs(o)
	if err != nil {
		return nil, err
	}
	p := &planner{engine: newEngine(context.Background(), d, legs[0]), named: map[string]int{}, date: o.Start}
	p.plan = netlab.Plan{Name: d.Name, Title: d.Title, Edition: legs[0].Edition, Start: o.Start}
	words := p.words()
	program, err := d.compile(words)
	if err != nil {
		return nil, err
	}
	thread := &starlark.Thread{Name: d.Name, Print: func(*starlark.Thread, string) {}}
	thread.SetMaxExecutionSteps(planSteps)
	if _, err := program.Init(thread, words); err != nil {
		p.ended = plain(err)
		p.plan.End = p.ended.Error()
	}
	p.plan.Spec = p.spec
	return p, nil
}

func because(why string) string {
	if why == "" {
		return ""
	}
	return ": " + why
}

// declarations are the words that do in a plan what they do in a run.
func declarations() []string {
	return []string{"net", "host", "router", "link", "edition", "draw", "have", "refuse", "logged"}
}

func (p *planner) words() starlark.StringDict {
	dict := p.engine.words()
	for name := range dict {
		if slices.Contains(declarations(), name) {
			dict[name] = p.declaration(dict[name].(*starlark.Builtin))
			continue
		}
		dict[name] = starlark.NewBuiltin(name, p.act)
	}
	return dict
}

// act is a word that does something, or looks: it is noted.
func (p *planner) act(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	asked := p.asked
	step := netlab.Planned{Place: thread.CallFrame(1).Pos.String(), Word: b.Name(), Text: phrase(b.Name(), args, kwargs)}
	v, err := p.note(&step, args, kwargs)
	if err == nil {
		err = p.knowsHosts(step)
	}
	p.asked = asked // it is the drill that counts, not what asks here
	if err != nil {
		p.certain = asked == 0 && !vague(args, kwargs)
		return nil, named(b.Name(), err)
	}
	if !vague(args, kwargs) {
		p.remarkTarget(step)
	}
	if acts(b.Name()) {
		p.plan.Steps = append(p.plan.Steps, step)
	}
	return v, nil
}

// declaration is a word that does in a plan what it does in a run. To refuse is no mistake.
func (p *planner) declaration(word *starlark.Builtin) starlark.Value {
	return starlark.NewBuiltin(word.Name(), func(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		asked := p.asked
		v, err := word.CallInternal(thread, args, kwargs)
		p.asked = asked
		p.certain = err != nil && asked == 0 && b.Name() != "refuse" && !vague(args, kwargs)
		return v, err
	})
}

// vagueValues is how many values are looked at before they count as vague: a list can be
// long, and can hold itself.
const vagueValues = 10_000

// vague says whether what a word was given depends on what would be found.
func vague(args starlark.Tuple, kwargs []starlark.Tuple) bool {
	left := vagueValues
	return isVague(args, &left) || slices.ContainsFunc(kwargs, func(pair starlark.Tuple) bool { return isVague(pair[1], &left) })
}

func isVague(v starlark.Value, left *int) bool {
	if *left--; *left < 0 {
		return true
	}
	switch v := v.(type) {
	case unknown:
		return true
	case starlark.String: // it may be made of what is unknown
		return strings.Contains(string(v), unknownText)
	case starlark.IterableMapping:
		for key, value := range starlark.Entries(v) {
			if isVague(key, left) || isVague(value, left) {
				return true
			}
		}
	case starlark.Iterable:
		for item := range starlark.Elements(v) {
			if isVague(item, left) {
				return true
			}
		}
	}
	return false
}

// knowsHosts holds that the hosts of a step are declared.
func (p *planner) knowsHosts(step netlab.Planned) error {
	names := []string{step.Host}
	if step.Fault.Host != "" {
		names = append(names, step.Fault.Peers...)
	}
	for _, group := range step.Groups {
		names = append(names, group...)
	}
	for _, name := range names {
		if _, ok := p.spec.Host(name); name != "" && !ok {
			return p.spec.NoHost(name)
		}
	}
	return nil
}

// remarkTarget says that a client connects to a host that there is not. A run goes on with
// that: a name that nobody has is a server that cannot be reached. In a domain there are
// more names than those of hosts.
func (p *planner) remarkTarget(step netlab.Planned) {
	name := targetHost(step.Target)
	_, ok := p.spec.Host(name)
	if step.Word != "connect" || name == "" || ok || slices.ContainsFunc(p.spec.Hosts, func(h netlab.Host) bool { return h.Domain != "" }) {
		return
	}
	r := Remark{step.Place, "connect: " + p.spec.NoHost(name).Error()}
	if !slices.Contains(p.remarks, r) {
		p.remarks = append(p.remarks, r)
	}
}

// targetHost is the host that a client is told, by name; "" where it is told an address,
// or a name that DNS may have.
func targetHost(target string) string {
	name := target
	if host, _, err := net.SplitHostPort(target); err == nil {
		name = host
	}
	if strings.ContainsAny(name, ".:") || name == "localhost" {
		return ""
	}
	return name
}

// acts says whether a word does something in the lab, beyond looking.
func acts(word string) bool {
	return !slices.Contains([]string{"expect", "events", "await_event", "packets", "messages", "inventory", "faults", "now"}, word)
}

// note writes down what an action is about, and returns what is known of its value.
func (p *planner) note(step *netlab.Planned, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	switch step.Word {
	case "start":
		s, err := p.starting(args, kwargs)
		step.Host, step.Program, step.Args = s.host, s.program, p.daemon(s)
		if err == nil && port(s.program) == "" && !netlab.Have(netlab.ProgramFolders(), s.program) {
			err = fmt.Errorf("there is no program %q; the lab's servers are termsrv, lserver and labdc", s.program)
		}
		return process{&netlab.Process{Host: s.host, Program: s.program, Address: s.listen}}, err
	case "stop", "kill", "pause", "resume":
		var program process
		err := starlark.UnpackArgs(step.Word, args, kwargs, "program", &program)
		if err == nil {
			step.Host, step.Program = program.Host, program.Program
		}
		return starlark.None, err
	case "events", "await_event", "packets", "messages":
		return p.unknown(), p.noteLook(step.Word, args, kwargs)
	case "clearinghouse", "activate", "stock":
		return p.notePaper(step, args, kwargs)
	case "fault", "partition", "heal":
		return p.noteFault(step, args, kwargs)
	case "connect":
		err := p.noteConnect(step, args, kwargs)
		if given(kwargs, "stay") || given(kwargs, "background") {
			return process{&netlab.Process{Host: step.Host, Program: step.Program}}, err
		}
		return p.unknown(), err
	case "advance":
		return starlark.None, p.noteAdvance(step, kwargs)
	case "step":
		if len(args) == 1 {
			step.Text, _ = starlark.AsString(args[0])
		}
		return starlark.None, nil
	case "now":
		return starlark.String(p.date.Format(time.RFC3339)), nil
	case "skew", "display", "exec", "run":
		if len(args) > 0 {
			step.Host, _ = hostName(args[0])
		}
		if step.Word == "exec" && given(kwargs, "background") {
			return process{&netlab.Process{Host: step.Host}}, nil
		}
		return p.unknown(), nil
	}
	return p.unknown(), nil
}

// noteLook holds that what is looked for can be found. What is not known yet may well be.
func (p *planner) noteLook(word string, args starlark.Tuple, kwargs []starlark.Tuple) (err error) {
	if vague(args, kwargs) {
		return nil
	}
	switch word {
	case "packets":
		_, err = p.newPacketFilter(nil, args, kwargs)
	case "messages":
		_, err = p.newMessageFilter(args, kwargs)
	default:
		_, others := takeFlags(kwargs, "timeout")
		_, err = p.newFilter(word, args, others, "name?")
	}
	return err
}

// daemon is the command line of a server that start starts.
func (p *planner) daemon(s starting) []string {
	plan := p.plan
	plan.Spec = p.spec
	return plan.PlanDaemon(s.host, s.program, s.listen, s.argv...)
}

// noteConnect notes the command line of a client, of the first one where there are many.
func (p *planner) noteConnect(step *netlab.Planned, args starlark.Tuple, kwargs []starlark.Tuple) error {
	own, others := takeFlags(kwargs, connectWords()...)
	var from, to, ignored starlark.Value
	err := starlark.UnpackArgs("connect", args, own, "client", &from, "server", &to,
		"stay?", &ignored, "background?", &ignored, "store?", &ignored, "count?", &ignored, "parallel?", &ignored)
	if err != nil {
		return err
	}
	hosts, err := hostNames(from)
	if err != nil {
		return err
	}
	if len(hosts) == 0 {
		return errors.New("from no host")
	}
	if step.Target, err = text(to); err != nil {
		return err
	}
	argv, err := flags(others)
	if err != nil {
		return err
	}
	step.Host, step.Program = hosts[0], "tsclient"
	step.Args = netlab.PlanTool(step.Host, "tsclient", "connect", sharedBy("tsclient", "connect"), append(argv, step.Target)...)
	return nil
}

func (p *planner) noteAdvance(step *netlab.Planned, kwargs []starlark.Tuple) error {
	var s span
	own, _ := takeFlags(kwargs, "days", "hours", "minutes", "seconds")
	if err := starlark.UnpackArgs("advance", nil, own, s.pairs()...); err != nil {
		return err
	}
	step.Duration = s.duration()
	p.date = p.date.Add(step.Duration)
	return nil
}

// notePaper notes what goes between license servers and the clearinghouse.
func (p *planner) notePaper(step *netlab.Planned, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var at, office starlark.Value
	own, others := takeFlags(kwargs, "host", "name", "server", "clearinghouse", "cals")
	var err error
	switch step.Word {
	case "clearinghouse":
		err = starlark.UnpackArgs(step.Word, args, own, "host", &at, "name?", &step.Name)
	case "activate":
		err = starlark.UnpackArgs(step.Word, args, own, "server", &at, "clearinghouse", &office)
	case "stock":
		err = starlark.UnpackArgs(step.Word, args, own, "server", &at, "clearinghouse", &office, "cals", &step.Count)
	}
	if err != nil {
		return nil, err
	}
	if step.Host, err = hostName(at); err != nil {
		return nil, err
	}
	if step.Args, err = flags(others); err != nil {
		return nil, err
	}
	if step.Word == "clearinghouse" {
		return structOf("clearinghouse", starlark.StringDict{
			"name": starlark.String(step.Host), "host": starlark.String(step.Host), "folder": starlark.String(netlab.PlanDocuments), "roots": starlark.String(netlab.PlanDocuments + "/roots.pem"),
		}), nil
	}
	step.Office, _, err = p.clearinghouseOf(office)
	return p.unknown(), err
}

// noteFault notes what goes wrong, and heals.
func (p *planner) noteFault(step *netlab.Planned, args starlark.Tuple, kwargs []starlark.Tuple) (v starlark.Value, err error) {
	switch step.Word {
	case "fault":
		if step.Fault, err = faultOf(args, kwargs); err != nil {
			return nil, err
		}
		step.Fault.Name = p.nameOf(step.Fault.Name, string(step.Fault.Kind))
		step.Name, step.Host = step.Fault.Name, step.Fault.Host
	case "partition":
		if step.Name, step.Groups, err = partitionOf(args, kwargs); err != nil {
			return nil, err
		}
		step.Name = p.nameOf(step.Name, "partition")
	case "heal":
		step.Names, err = strs(args)
		return starlark.None, err
	}
	return faultValue(step.Name, strings.TrimSpace(step.Text), 0, 0, true), nil
}

// nameOf is the name that the lab gives to a fault that has none.
func (p *planner) nameOf(name, what string) string {
	if name != "" {
		return name
	}
	p.named[what]++
	return fmt.Sprintf("%s-%d", what, p.named[what])
}
