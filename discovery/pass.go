package discovery

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/wire/tsls"
)

// candidate is an address where a license server may be.
type candidate struct {
	addr string
	how  Step
	info tsls.ServerInfo // as far as it is known
}

// Steps are those of a setup in their order, as its environment has them: without a
// domain there is no site and the broadcast stands for the domain controllers, and
// a list takes the place of an override.
func (s Setup) Steps() []Step {
	if s.Override != "" {
		return []Step{StepOverride}
	}
	var steps []Step
	for _, step := range s.Order {
		if step == StepOverride && !slices.Contains(s.Order, StepKeys) {
			step = StepKeys // the registry's place, whatever it names
		}
		switch {
		case step == StepOverride, step == StepKeys && len(s.List) == 0, step == StepSite && s.Domain == "":
		case step == StepDCs && s.Domain == "":
			steps = append(steps, StepBroadcast)
		default:
			steps = append(steps, step)
		}
	}
	return steps
}

// pass takes the steps until one finds a license server. withSite: the site's entry
// is due too.
func (f *Finder) pass(ctx context.Context, withSite bool) {
	f.passing.Lock()
	defer f.passing.Unlock()
	f.keep(ctx)
	setup := f.config.Setup()
	if setup.Domain != "" && setup.Override == "" {
		f.locateSelf(ctx)
	}
	found := 0
	for _, step := range setup.Steps() {
		if step == StepSite && !withSite {
			continue
		}
		answered := f.accepted(ctx, f.ask(ctx, setup, step))
		if ctx.Err() != nil {
			return
		}
		f.missing(step, answered)
		if found += len(answered); len(answered) == 0 {
			continue
		}
		f.choose(step, answered)
		if !setup.All {
			break
		}
	}
	f.mu.Lock()
	if withSite {
		f.siteDue = f.config.Clock.Now().Add(setup.RetrySite)
	}
	none := found == 0 && f.current == nil
	f.mu.Unlock()
	if none && f.config.None != nil {
		f.config.None()
	}
}

// missing marks those of the catalog that a step had found and does not find again.
func (f *Finder) missing(step Step, answered []candidate) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.servers {
		again := slices.ContainsFunc(answered, func(c candidate) bool { return c.addr == s.Address })
		if s.How == step && !again && s != f.current {
			s.Live = false
		}
	}
}

// keep asks the license server in use whether it still answers, and drops it if not.
func (f *Finder) keep(ctx context.Context) {
	if s, ok := f.Current(); ok {
		if err := f.probe(ctx, s.Address); err != nil && ctx.Err() == nil {
			f.Silent(s.Address, err)
		}
	}
}

// verify is the ping of the license server in use; the next of the catalog takes the
// place of one that is silent, and a pass is made when that is used up (rule V7).
func (f *Finder) verify(ctx context.Context) {
	f.passing.Lock()
	s, alive := f.Current()
	for at, ok := s.Address, alive; ok; at, ok = f.After(at) {
		err := f.probe(ctx, at)
		if alive = err == nil; alive || ctx.Err() != nil {
			break
		}
		f.Silent(at, err)
	}
	if alive && ctx.Err() == nil {
		f.failback(ctx)
	}
	f.passing.Unlock()
	if !alive && ctx.Err() == nil {
		f.pass(ctx, true)
	}
}

// failback returns to the license server that was used first (rule V10).
func (f *Finder) failback(ctx context.Context) {
	f.mu.Lock()
	first := f.first
	away := f.config.Setup().Failback && first != nil && first != f.current && f.find(first.Address) == first
	f.mu.Unlock()
	if !away || f.probe(ctx, first.Address) != nil {
		return
	}
	f.mu.Lock()
	chosen := f.use(first)
	f.mu.Unlock()
	f.told(chosen)
}

// probe asks one license server of the catalog what it is now, and whether it counts.
func (f *Finder) probe(ctx context.Context, addr string) error {
	info, err := f.askOne(ctx, addr, "")
	if err == nil {
		f.Heard(addr, info)
	}
	return err
}

// askOne is one probe within its time.
func (f *Finder) askOne(ctx context.Context, addr string, how Step) (tsls.ServerInfo, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, f.config.Limits.Probe, fmt.Errorf("no answer in %v", f.config.Limits.Probe))
	defer cancel()
	info, err := f.config.Probe(ctx, addr)
	if own := f.Site().Name; err == nil && how == StepDCs && info.Scope == "enterprise" && !strings.EqualFold(info.Site, own) && !f.config.Setup().All {
		err = fmt.Errorf("%s is the enterprise license server of site %q, and this is %q", info.Name, info.Site, own) // rule V2a
	}
	if err == nil && f.config.Accept != nil {
		err = f.config.Accept(info)
	}
	return info, err
}

// accepted probes all candidates at one time and returns those that are license
// servers for us, each server once: it may have answered at several addresses.
func (f *Finder) accepted(ctx context.Context, all []candidate) []candidate {
	all = all[:min(len(all), maxServers)]
	infos, errs := make([]tsls.ServerInfo, len(all)), make([]error, len(all))
	var wg sync.WaitGroup
	for i, c := range all {
		wg.Go(func() { infos[i], errs[i] = f.askOne(ctx, c.addr, c.how) })
	}
	wg.Wait()
	if ctx.Err() != nil {
		return nil
	}
	seen := map[string]bool{}
	var good []candidate
	for i, c := range all {
		if errs[i] != nil {
			if c.how != StepOverride { // which its owner tells of
				f.config.Log.Event(eventlog.DiscoveryIgnored, eventlog.F("address", c.addr), eventlog.F("how", c.how), eventlog.F("reason", errs[i]))
			}
			f.remove(c.addr)
			continue
		}
		c.info = infos[i]
		if id := identityOf(c); seen[id] {
			f.remove(c.addr)
			continue
		} else {
			seen[id] = true
		}
		f.enter(c, true)
		good = append(good, c)
	}
	return good
}

// identityOf is what a license server is told from others by: the key that it signs
// with, or its address where it shows none.
func identityOf(c candidate) string {
	if len(c.info.Certificates) > 0 {
		return string(c.info.Certificates[0])
	}
	return c.addr
}
