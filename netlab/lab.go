//go:build linux

package netlab

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tslab/tslab/internal/clock"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/netlab/capture"
	"github.com/tslab/tslab/netlab/netns"
)

const (
	labName   = "lab"   // the lab's own name in event logs
	clockName = "clock" // the calendar's file in the folder

	// ringBudget is what the rings of all cables take together, a ring between
	// minRing and maxRing.
	ringBudget = 64 << 20
	minRing    = 1 << 18
	maxRing    = 8 << 20

	upTimeout   = 20 * time.Second // for every cable to carry frames
	stopTimeout = 5 * time.Second  // from SIGTERM to SIGKILL
	syncTimeout = 20 * time.Second // for a recorder to catch up
)

// DefaultStart is the lab's date when it begins, unless told otherwise.
func DefaultStart() time.Time { return time.Date(2003, 3, 3, 9, 0, 0, 0, time.UTC) }

// Options are the circumstances of a run.
type Options struct {
	Folder   string    // of the run; created, or emptied if it is an earlier run's
	Name     string    // of the drill
	Title    string    // what it shows
	Edition  string    // of this leg of its matrix; "" without one
	Start    time.Time // the lab's date; zero for DefaultStart
	Seed     uint64
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
	log      *eventlog.Log
	journal  *journal
	skews    map[string]*skewed // calendars of hosts that are off
	record   *Record
	held     *os.File // the folder, locked
	running  []*Process
	runs     int       // of exec, to number their output files
	displays int       // started, to number them
	step     int       // events there were when the last action began
	acted    bool      // since the last expectation
	expected time.Time // when that was
	since    time.Time // when that before the last action was
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
	folder, err := filepath.Abs(o.Folder)
	if err != nil {
		return nil, err
	}
	l := &Lab{Folder: folder, spec: spec, programs: slices.Clone(o.Programs), hosts: map[string]*host{}, skews: map[string]*skewed{}}
	if l.held, err = claimFolder(folder); err != nil {
		return nil, err
	}
	l.record = newRecord(spec, o, began)
	if err := l.build(ctx, o); err != nil {
		l.record.Error = err.Error()
		return nil, errors.Join(err, l.Close())
	}
	l.record.UpMilliseconds = float64(time.Since(began).Microseconds()) / 1000
	l.log.Event(eventlog.LabUp, eventlog.F("lab", l.spec.String()))
	l.journal.poll()
	return l, nil
}

func (l *Lab) build(ctx context.Context, o Options) error {
	if err := l.record.write(l.Folder); err != nil {
		return err
	}
	path := filepath.Join(l.Folder, clockName)
	if err := clock.CreateLab(path, o.Start); err != nil {
		return err
	}
	var err error
	if l.Clock, err = clock.OpenLab(path); err != nil {
		return err
	}
	if l.journal, err = newJournal(o.Tell); err != nil {
		return err
	}
	go l.journal.run()
	events := filepath.Join(l.Folder, "lab.jsonl")
	if l.log, err = eventlog.Open(events, labName, "tslab", l.Clock, slog.New(slog.DiscardHandler)); err != nil {
		return err
	}
	if err := l.journal.follow(events); err != nil {
		return err
	}
	return l.buildNets(ctx)
}

func (l *Lab) buildNets(ctx context.Context) error {
	var err error
	if l.sw, err = netns.NewSwitch(); err != nil {
		return err
	}
	bridges := map[string]string{}
	for i, n := range l.spec.Nets {
		bridges[n.Name] = l.sw.Name("net", i)
		if err := l.sw.AddBridge(bridges[n.Name]); err != nil {
			return fmt.Errorf("net %s: %w", n.Name, err)
		}
	}
	if err := os.MkdirAll(filepath.Join(l.Folder, rawFolder), 0o755); err != nil {
		return err
	}
	if err := l.buildHosts(); err != nil {
		return err
	}
	ports, err := l.connect(bridges)
	if err != nil {
		return err
	}
	if err := l.openLinks(ports); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, upTimeout)
	defer cancel()
	if err := l.sw.AwaitPorts(ctx, ports); err != nil {
		return err
	}
	for _, h := range l.spec.Hosts {
		var names []string
		for _, c := range h.Cables {
			names = append(names, c.Interface)
		}
		if err := l.hosts[h.Name].AwaitInterfaces(ctx, names); err != nil {
			return err
		}
	}
	return l.route()
}

// route tells every host the way to the nets behind routers.
func (l *Lab) route() error {
	for _, spec := range l.spec.Hosts {
		h := l.hosts[spec.Name]
		if spec.Router {
			if err := h.Forward(); err != nil {
				return err
			}
		}
		for _, r := range l.spec.Routes(spec.Name) {
			if err := h.AddRoute(r.To, r.Via); err != nil {
				return err
			}
		}
	}
	return nil
}

// buildHosts makes the hosts, as many at once as there are processors.
func (l *Lab) buildHosts() error {
	etc := netns.Etc{Hosts: filepath.Join(l.Folder, "etc", "hosts"), ResolvConf: filepath.Join(l.Folder, "etc", "resolv.conf")}
	const noResolver = "# This lab has no name server; its hosts stand in /etc/hosts.\n"
	err := errors.Join(os.Mkdir(filepath.Dir(etc.Hosts), 0o755),
		os.WriteFile(etc.Hosts, []byte(l.spec.hostsFile()), 0o644), os.WriteFile(etc.ResolvConf, []byte(noResolver), 0o644))
	if err != nil {
		return err
	}
	var g errgroup.Group
	g.SetLimit(runtime.NumCPU())
	var mu sync.Mutex
	for _, spec := range l.spec.Hosts {
		g.Go(func() error {
			dir := l.hostFolder(spec.Name)
			etc := etc
			etc.Hostname = filepath.Join(dir, "hostname")
			err := errors.Join(os.MkdirAll(filepath.Join(dir, "home"), 0o755), os.WriteFile(etc.Hostname, []byte(spec.Name+"\n"), 0o644))
			if err != nil {
				return err
			}
			ns, err := netns.NewHost(spec.Name, etc)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			l.hosts[spec.Name] = &host{Host: ns, spec: spec}
			return nil
		})
	}
	return g.Wait()
}

// connect lays the cables and returns their ports in the switch, in order.
func (l *Lab) connect(bridges map[string]string) ([]string, error) {
	var ports []string
	for index, spec := range l.spec.Hosts {
		for i, c := range spec.Cables {
			n, _ := l.spec.Net(c.Net)
			port := l.sw.Name("p", index, i)
			err := l.sw.Connect(l.hosts[spec.Name].Host, netns.Cable{
				Bridge: bridges[c.Net], Port: port, Interface: c.Interface, MAC: c.MAC(),
				Address: netip.PrefixFrom(c.Address, n.Prefix.Bits()), Address6: netip.PrefixFrom(c.Address6, n.Prefix6.Bits()),
			})
			if err != nil {
				return nil, err
			}
			ports = append(ports, port)
		}
	}
	return ports, nil
}

// openLinks starts recording at the ports, which are in the order of the cables. All
// at once: opening a packet socket waits for the kernel twice, and they wait together.
func (l *Lab) openLinks(ports []string) error {
	ring := min(max(ringBudget/max(len(ports), 1), minRing), maxRing)
	var g errgroup.Group
	for _, spec := range l.spec.Hosts {
		h := l.hosts[spec.Name]
		h.links = make([]*capture.Link, len(spec.Cables))
		for i, c := range spec.Cables {
			port := ports[0]
			ports = ports[1:]
			g.Go(func() (err error) {
				path := recordingPath(l.Folder, spec.Name, c.Interface)
				h.links[i], err = capture.Open(spec.Name+":"+c.Interface, port, path, ring, func(frame []byte) error {
					return h.SendFrame(c.Interface, frame)
				})
				return err
			})
		}
	}
	return g.Wait()
}

func (l *Lab) hostFolder(name string) string { return filepath.Join(l.Folder, "hosts", name) }

// Spec is what the lab was built from.
func (l *Lab) Spec() Spec { return l.spec }

func (l *Lab) host(name string) (*host, error) {
	h, ok := l.hosts[name]
	if !ok {
		return nil, fmt.Errorf("there is no host %q in this lab", name)
	}
	return h, nil
}

// action marks the beginning of something that the lab is asked to do: Await looks
// at events from here on.
func (l *Lab) action() {
	l.journal.poll()
	l.step = l.journal.len()
	if !l.acted {
		l.acted, l.since = true, l.expected
	}
}

// Step records a heading of the story.
func (l *Lab) Step(text string) {
	l.log.Event(eventlog.LabStep, eventlog.F("text", text))
	l.journal.poll()
}

// Events are all events read so far, in order.
func (l *Lab) Events() []eventlog.Event {
	l.journal.poll()
	events, _ := l.journal.since(0)
	return events
}

// Recent are the events since the last action began.
func (l *Lab) Recent() []eventlog.Event {
	l.journal.poll()
	events, _ := l.journal.since(l.step)
	return events
}

// Expect records an expectation and whether it was met.
func (l *Lab) Expect(x Expectation) {
	x.since, x.at = l.since, time.Now()
	l.acted, l.expected = false, x.at
	l.record.Expectations = append(l.record.Expectations, x)
	kind := eventlog.ExpectationMet
	if !x.Met {
		kind = eventlog.ExpectationFailed
	}
	l.log.Event(kind, eventlog.F("text", x.Text), eventlog.F("want", x.Want), eventlog.F("got", x.Got), eventlog.F("place", x.Place))
	l.journal.poll()
}

// Await returns the first event since the last action began that match accepts. It
// waits for it until ctx ends.
func (l *Lab) Await(ctx context.Context, match func(eventlog.Event) bool) (eventlog.Event, error) {
	l.journal.poll()
	return l.journal.await(ctx, l.step, match)
}

// Packets passes every packet captured so far to f, cable by cable. Everything that
// was sent before the call is there.
func (l *Lab) Packets(ctx context.Context, f func(capture.Packet)) error {
	ctx, cancel := context.WithTimeout(ctx, syncTimeout)
	defer cancel()
	decoder := capture.NewDecoder()
	for _, h := range l.spec.Hosts {
		for _, link := range l.hosts[h.Name].links {
			if err := link.Sync(ctx); err != nil {
				return err
			}
			err := capture.Frames(link.Path, func(frame *capture.Frame) error {
				f(decoder.Decode(link.Name, frame))
				return nil
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// Messages are the licensing messages and those to license servers that have been
// sent so far, also those that were encrypted.
func (l *Lab) Messages(ctx context.Context) ([]capture.Message, error) {
	ctx, cancel := context.WithTimeout(ctx, syncTimeout)
	defer cancel()
	var recordings []capture.Recording
	for _, h := range l.spec.Hosts {
		for _, link := range l.hosts[h.Name].links {
			if err := link.Sync(ctx); err != nil {
				return nil, err
			}
			recordings = append(recordings, capture.Recording{Name: link.Name, Path: link.Path})
		}
	}
	secrets, err := keyLogs(l.Folder)
	if err != nil {
		return nil, err
	}
	return capture.Messages(recordings, secrets)
}

// Drops are frames that a cable carried and its recorder lost so far.
func (l *Lab) Drops() uint64 {
	var drops uint64
	for _, h := range l.hosts {
		for _, link := range h.links {
			drops += link.Stats().Drops
		}
	}
	return drops
}
