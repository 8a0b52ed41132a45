//go:build linux

package script

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"go.starlark.net/starlark"
	"golang.org/x/sys/unix"

	"github.com/tslab/tslab/netlab"
)

const (
	// maxSteps stops a drill that never ends without acting; one with a thousand
	// actions takes some hundred thousand steps.
	maxSteps = 20_000_000

	patience = 30 * time.Second // for an action, in elapsed time, unless told otherwise
)

// Options are the circumstances of a run.
type Options struct {
	Folder   string // of the run
	Start    time.Time
	Seed     uint64
	Edition  string        // of this leg of the drill's matrix; "" without one
	Engine   netlab.Engine // that does its faults; "" for netlab.UserEngine
	Programs []string      // folders to find programs in before PATH
	Out      io.Writer     // for the story
	Width    func() int    // characters in a line of the terminal that Out is; nil when it is none

	// Report makes a page about the run in its folder when it has ended, and returns its
	// path; nil for none.
	Report func(folder string) (string, error)
	// Keep is called with the lab when the drill has been carried out, and the lab is
	// closed when it returns; nil to close it at once.
	Keep func(ctx context.Context, lab *netlab.Lab) error
	// Reach names hosts that somebody wants to reach from outside of the lab: a host
	// called Outside is laid beside them.
	Reach []string
}

// Outside is the host from which connections come that were made outside of the lab.
const Outside = "outside"

// engine is a drill that is running.
type engine struct {
	ctx   context.Context
	drill Drill
	o     Options
	story *story
	spec  netlab.Spec
	held  *netlab.Folder // of the run
	lab   *netlab.Lab    // nil until the first action
	packs int            // key packs issued, to name their files

	logged   map[entry]*listing // what the drill lists of the logs
	counting []string           // places where the drill looked at packets
	lost     func() uint64      // frames that were sent and not recorded or not carried on: the lab's, unless a test has its own

	lambdas map[[2]int32]string // of the drill by line and column, as they stand there; nil before one is needed

	streams map[string]uint64     // the seed of each sequence of choices, by its name
	dice    map[string]*rand.Rand // those that the drill itself draws from
}

// Run carries out a drill. The record is that of the run's folder; of a drill that never
// came to a lab it lies in none. An error says why the drill could not be carried out to its end.
// Expectations that were not met are in the record and no error.
func Run(ctx context.Context, d Drill, o Options) (*netlab.Record, error) {
	return newEngine(ctx, d, o).carryOut()
}

func newEngine(ctx context.Context, d Drill, o Options) *engine {
	s := &story{w: o.Out, width: len("lab")}
	if o.Width != nil {
		s.progress = &progress{w: o.Out, width: o.Width, date: func() time.Time { return time.Time{} }}
	}
	return &engine{ctx: ctx, drill: d, o: o, story: s, logged: map[entry]*listing{}, streams: map[string]uint64{}, dice: map[string]*rand.Rand{}}
}

// carryOut is [Run].
func (e *engine) carryOut() (*netlab.Record, error) {
	began := time.Now()
	e.story.title(e.drill, e.o.Edition)
	quiet := e.story.tick()
	err := e.run()
	quiet()
	if e.held != nil { // until there is nothing more to write
		defer e.held.Release()
	}
	verdict := netlab.Broken
	switch {
	case e.ctx.Err() != nil && err != nil:
		verdict, err = netlab.Interrupted, errors.New("interrupted")
	case e.lab == nil && err == nil:
		err = fmt.Errorf("%s: the drill declares a lab and does nothing in it", e.drill.File)
	}
	if e.lab == nil {
		err = e.shortOfRoom(err)
		return netlab.Unbuilt(e.circumstances(), began, verdict, err), err
	}
	e.checkLost()
	record := e.lab.Record()
	record.AddStreams(e.streams)
	if err != nil {
		record.Verdict, record.Error = verdict, err.Error()
	}
	closed := e.lab.Close()
	if closed != nil && record.Error == "" { // what was to say so could not be written either
		record.Verdict, record.Error = netlab.Broken, closed.Error()
	}
	err = errors.Join(err, closed)
	page := ""
	if e.o.Report != nil {
		var reportErr error
		page, reportErr = e.o.Report(e.o.Folder)
		err = errors.Join(err, reportErr)
	}
	e.story.verdict(record, e.o.Folder, page)
	return record, e.shortOfRoom(err)
}

// shortOfRoom says it in a sentence when the run's folder had no room for what belongs
// there; what broke first stands behind it.
func (e *engine) shortOfRoom(err error) error {
	if !errors.Is(err, unix.ENOSPC) && !errors.Is(err, unix.EDQUOT) {
		return err
	}
	first, _, _ := strings.Cut(err.Error(), "\n")
	return fmt.Errorf("%s: no space is left for the logs and the capture of the run; make room, or choose another place with --out (%s)", e.o.Folder, first)
}

func (e *engine) run() error {
	words := e.words()
	program, err := e.drill.compile(words)
	if err != nil {
		return err
	}
	// Before the drill begins: a folder that cannot be had is no fault of a line of it.
	if e.held, err = netlab.Claim(e.o.Folder); err != nil {
		return err
	}
	thread := &starlark.Thread{Name: e.drill.Name, Print: func(_ *starlark.Thread, msg string) { e.story.line(msg) }}
	thread.SetMaxExecutionSteps(maxSteps)
	stop := context.AfterFunc(e.ctx, func() { thread.Cancel("interrupted") })
	defer stop()
	_, err = program.Init(thread, words)
	if err != nil {
		return plain(err)
	}
	if e.o.Keep == nil {
		e.checkLogged()
		return nil
	}
	lab, err := e.up()
	if err != nil {
		return err
	}
	return e.o.Keep(e.ctx, lab)
}

// outside lays the host Outside beside those that are to be reached.
func (e *engine) outside() error {
	var nets []string
	for _, name := range e.o.Reach {
		h, ok := e.spec.Host(name)
		if !ok {
			return fmt.Errorf("nothing can be forwarded: %w", e.spec.NoHost(name))
		}
		if net := h.Cables[0].Net; !slices.Contains(nets, net) {
			nets = append(nets, net)
		}
	}
	if len(nets) == 0 {
		return nil
	}
	return e.spec.AddHost(Outside, nets...)
}

// hostUp is the host that a word was given, in the lab, which is built now if this is
// the first action.
func (e *engine) hostUp(v starlark.Value) (string, *netlab.Lab, error) {
	host, err := hostName(v)
	if err != nil {
		return "", nil, err
	}
	lab, err := e.up()
	return host, lab, err
}

// up is the lab, built now if this is the first action.
func (e *engine) up() (*netlab.Lab, error) {
	if e.lab != nil {
		return e.lab, nil
	}
	if err := e.outside(); err != nil {
		return nil, err
	}
	lab, err := netlab.New(e.ctx, e.spec, e.circumstances())
	if err != nil {
		return nil, err
	}
	e.lab = lab
	e.story.to(func(p *progress) { p.date = lab.Clock.Now })
	if e.lost == nil {
		e.lost = func() uint64 { return lab.Drops() + lab.Overruns() }
	}
	return lab, nil
}

// circumstances are those of the run, as the lab wants them.
func (e *engine) circumstances() netlab.Options {
	return netlab.Options{
		Folder: e.o.Folder, Held: e.held, Name: e.drill.Name, Title: e.drill.Title, Edition: e.o.Edition, Start: e.o.Start, Seed: e.o.Seed, Engine: e.o.Engine,
		Programs: e.o.Programs, Tell: e.story.event,
	}
}

// declaring is an error once the lab is up.
func (e *engine) declaring(word string) error {
	if e.lab != nil {
		return fmt.Errorf("%s: the lab is up already; declare nets and hosts before the first action", word)
	}
	return nil
}

// timeout is ctx with an end after d of elapsed time.
func (e *engine) timeout(d time.Duration, what string) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(e.ctx, d, fmt.Errorf("%s within %v", what, d))
}
