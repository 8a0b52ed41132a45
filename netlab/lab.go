//go:build linux

package netlab

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tslab/tslab/internal/clock"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/netlab/capture"
	"github.com/tslab/tslab/netlab/fault"
	"github.com/tslab/tslab/netlab/fault/tcx"
	"github.com/tslab/tslab/netlab/netns"
)

const (
	clockName = "clock" // the calendar's file in the folder

	// ringBudget is what the rings of all cables take together, a ring between
	// minRing and maxRing.
	ringBudget = 128 << 20
	minRing    = 1 << 18
	maxRing    = 16 << 20

	// backlogBudget is what recorders may hold in memory together while the disk does not
	// take it: a second of all that two processors can send, and more.
	backlogBudget = 512 << 20

	upTimeout   = 20 * time.Second // for every cable to carry frames
	stopTimeout = 5 * time.Second  // from SIGTERM to SIGKILL
	syncTimeout = 20 * time.Second // for a recorder to catch up
)

// Name is the lab's own in event logs, where hosts have theirs.
const Name = "lab"

// DefaultStart is the lab's date when it begins, unless told otherwise.
func DefaultStart() time.Time { return time.Date(2003, 3, 3, 9, 0, 0, 0, time.UTC) }

// Options are the circumstances of a run.
type Options struct {
	Folder   string    // of the run; created, or emptied if it is an earlier run's
	Held     *Folder   // that folder if it is claimed already; who claimed it releases it when the lab has ended
	Name     string    // of the drill
	Title    string    // what it shows
	Edition  string    // of this leg of its matrix; "" without one
	Start    time.Time // the lab's date; zero for DefaultStart
	Seed     uint64
	Engine   Engine               // "" for UserEngine
	Programs []string             // folders to find programs in before PATH
	Tell     func(eventlog.Event) // called with each event as it is read; may be nil
}

// Lab is a running lab. Its methods are for one goroutine, Close included.
type Lab struct {
	Folder string
	Clock  *clock.Lab

	spec     Spec
	programs []string
	hosts    map[string]*host
	sw       *netns.Switch
	cables   []fault.Link // of the hosts, in their order
	faults   fault.Engine
	traffic  *tcx.Counter // of the eBPF engine; nil without
	log      *eventlog.Log
	journal  *journal
	skews    map[string]*skewed // calendars of hosts that are off
	joined   map[string]bool    // hosts that are members of their domain
	record   *Record
	ledger   ledger
	held     *Folder // that the lab claimed itself; nil
	running  []*Process
	runs     int            // of exec, to number their output files
	displays int            // started, to number them
	step     int            // events there were when the last action began
	acted    bool           // since the last expectation
	expected time.Time      // when that was
	since    time.Time      // when that before the last action was
	later    sync.WaitGroup // of what PauseLater has begun
	ending   chan struct{}  // closed when the lab ends
	closing  sync.Once
	closeErr error
}

// host is a host with its recorded cables.
type host struct {
	*netns.Host
	spec  Host
	links []*capture.Link
}

// New builds the lab and returns when every host reaches every other of its nets.
func New(ctx context.Context, spec Spec, o Options) (*Lab, error) {
	began := time.Now()
	if o.Start.IsZero() {
		o.Start = DefaultStart()
	}
	if o.Tell == nil {
		o.Tell = func(eventlog.Event) {}
	}
	var own *Folder
	if o.Held == nil {
		var err error
		if own, err = Claim(o.Folder); err != nil {
			return nil, err
		}
		o.Held = own
	}
	l := &Lab{Folder: o.Held.path, held: own, spec: spec, programs: slices.Clone(o.Programs), hosts: map[string]*host{}, skews: map[string]*skewed{}, joined: map[string]bool{}, ending: make(chan struct{})}
	if err := o.Held.clear(); err != nil {
		own.Release()
		return nil, err
	}
	l.record = newRecord(spec, o, began)
	if err := l.build(ctx, o); err != nil {
		l.record.Error = err.Error()
		if ctx.Err() != nil {
			l.record.Verdict = Interrupted
		}
		return nil, errors.Join(err, l.Close())
	}
	l.record.UpMilliseconds = float64(time.Since(began).Microseconds()) / 1000
	l.log.Event(eventlog.LabUp, eventlog.F("lab", l.spec.String()))
	l.journal.poll()
	return l, nil
}

func (l *Lab) hostFolder(name string) string { return filepath.Join(l.Folder, "hosts", name) }

// Spec is what the lab was built from.
func (l *Lab) Spec() Spec { return l.spec }

func (l *Lab) host(name string) (*host, error) {
	h, ok := l.hosts[name]
	if !ok {
		return nil, l.spec.NoHost(name)
	}
	return h, nil
}

// NoHost says that there is no host of that name, and which there are.
func (s Spec) NoHost(name string) error {
	var names []string
	for _, h := range s.Hosts[:min(len(s.Hosts), maxListed)] {
		names = append(names, h.Name)
	}
	more := ""
	if n := len(s.Hosts) - len(names); n > 0 {
		more = fmt.Sprintf(" and %d more", n)
	}
	return fmt.Errorf("there is no host %q in this lab; there are %s%s", name, strings.Join(names, ", "), more)
}
