package discovery

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/tslab/tslab/internal/clock"
	"github.com/tslab/tslab/wire/tsls"
)

// Finder seeks license servers and keeps the catalog of those found. All methods may
// be called at any time; passes follow one another.
type Finder struct {
	config  Config
	passing sync.Mutex    // held by a pass or a verification, and over Rand
	work    chan struct{} // tells Run to look again

	mu      sync.Mutex
	servers []*Server // in the order in which they were found
	current *Server   // the one in use, nil for none
	first   *Server   // the one that was used first: where failback leads
	site    Site
	due     time.Time // of the next pass or verification
	siteDue time.Time // before this a pass by the timer leaves the site's entry out
	wanted  want
}

// Server is a license server of the catalog.
type Server struct {
	Address string          // host:port of the license server protocol
	Info    tsls.ServerInfo // as last heard; until it is probed only what its reply says
	How     Step            // how it was found
	Live    bool            // it answered last time
	InUse   bool
	Found   time.Time // when it was found first, by the calendar
	Heard   time.Time // when it answered last
}

// maxServers bounds the catalog, and the addresses that one pass looks at.
const maxServers = 64

// want says which pass is wanted before its time.
type want uint8

const (
	wantNothing want = iota
	wantPass         // now; the timer goes on as it was (rule V8)
	wantAnew         // now, and the timer begins anew
)

// New makes a Finder; nothing is sought before the first [Finder.Pass].
func New(c Config) (*Finder, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Finder{config: c, work: make(chan struct{}, 1), due: c.Clock.Now()}, nil
}

// Run makes a pass and then does what is due by the calendar, until ctx ends. Who has
// duties of his own calls [Finder.Do] from them instead.
func (f *Finder) Run(ctx context.Context, program string) error {
	err := clock.Run(ctx, f.config.Clock, program, f.Due, func(now time.Time) { f.Do(ctx, now) }, f.work)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// Due is when Do has something to do: now when a pass is wanted.
func (f *Finder) Due(now time.Time) time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.wanted != wantNothing {
		return now
	}
	return f.due
}

// Next is when the next pass or, if a license server is in use, its verification is due.
func (f *Finder) Next() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.due
}

// Do does what is due at that moment: the pass that somebody wants, the verification
// of the license server in use, or the retry where there is none.
func (f *Finder) Do(ctx context.Context, now time.Time) {
	f.mu.Lock()
	wanted, timely, settled := f.wanted, !now.Before(f.due), f.current != nil
	withSite := wanted != wantNothing || !now.Before(f.siteDue)
	f.wanted = wantNothing
	f.mu.Unlock()
	switch {
	case wanted == wantNothing && !timely:
		return
	case wanted == wantNothing && settled:
		f.verify(ctx)
	default:
		f.pass(ctx, withSite)
	}
	if ctx.Err() != nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if timely || wanted == wantAnew {
		f.due = now.Add(f.pause())
	}
	f.soon(now)
}

// pause is the span to the next check. It needs the lock.
func (f *Finder) pause() time.Duration {
	setup := f.config.Setup()
	switch {
	case f.current == nil:
		return setup.Retry
	case f.current.Info.Scope == "enterprise":
		return setup.VerifySite
	}
	return setup.Verify
}

// soon sees to it that the next pass is not later than a retry, while no license
// server is in use. It needs the lock.
func (f *Finder) soon(now time.Time) {
	if f.current != nil {
		return
	}
	if retry := now.Add(f.config.Setup().Retry); f.due.After(retry) {
		f.due = retry
	}
}

// Seek wants a pass at once; what is wanted at one time is one pass. The timer goes on
// as it was.
func (f *Finder) Seek() { f.seek(wantPass) }

// Restart forgets the catalog and wants a pass at once: what is sought has changed.
func (f *Finder) Restart() {
	f.mu.Lock()
	f.servers, f.current, f.first = nil, nil, nil
	f.mu.Unlock()
	f.seek(wantAnew)
}

func (f *Finder) seek(w want) {
	f.mu.Lock()
	f.wanted = max(f.wanted, w)
	f.mu.Unlock()
	select {
	case f.work <- struct{}{}:
	default:
	}
}

// Pass seeks now and returns the catalog. A license server in use that still answers
// stays in use (rule V9).
func (f *Finder) Pass(ctx context.Context) []Server {
	f.pass(ctx, true)
	if ctx.Err() == nil {
		f.mu.Lock()
		f.due = f.config.Clock.Now().Add(f.pause())
		f.mu.Unlock()
	}
	return f.Catalog()
}

// Catalog lists the license servers that are known, the one in use first, then in the
// order in which they were found.
func (f *Finder) Catalog() []Server {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := make([]Server, 0, len(f.servers))
	for _, s := range f.servers {
		copied := *s
		copied.InUse = s == f.current
		list = append(list, copied)
	}
	slices.SortStableFunc(list, func(a, b Server) int {
		switch {
		case a.InUse == b.InUse:
			return 0
		case a.InUse:
			return -1
		}
		return 1
	})
	return list
}

// Current is the license server in use.
func (f *Finder) Current() (Server, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.current == nil {
		return Server{}, false
	}
	s := *f.current
	s.InUse = true
	return s, true
}

// Site is what the last pass learned of the site.
func (f *Finder) Site() Site {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.site
}
