package dc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tslab/tslab/internal/crash"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/internal/identity"
	"github.com/tslab/tslab/wire/enroll"
)

func lower(s string) string { return strings.ToLower(s) }

func list(words []string) string { return strings.Join(words, ", ") }

// siteAnswer is what the directory says of a site.
func (s *Controller) siteAnswer(site string) enroll.SiteAnswer {
	a := enroll.SiteAnswer{Domain: s.config.Domain, Site: site, Issued: time.Now()}
	if site == "" {
		return a
	}
	a.DistinguishedName = enroll.DistinguishedName(site, s.config.Forest.Certificate.Subject.CommonName)
	if e, ok := s.dir.view().Entries[lower(site)]; ok {
		a.Server, a.Address = e.Server, e.Address
	}
	return a
}

// siteFor is the site that a request is about: the one it names, or the asker's.
func (s *Controller) siteFor(a asker, named string) string {
	subnets := s.dir.view().Subnets
	if named == "" {
		return siteOf(subnets, a.addr)
	}
	for _, subnet := range subnets {
		if strings.EqualFold(subnet.Site, named) {
			return subnet.Site
		}
	}
	return named
}

// querySite answers in which site the asker is and what its entry says.
func (s *Controller) querySite(a asker, text []byte) ([]byte, error) {
	q, err := enroll.ParseSiteQuery(text)
	if err == nil {
		err = a.same(q.PublicKey)
	}
	if err != nil {
		return nil, err
	}
	answer := s.siteAnswer(s.siteFor(a, q.Site))
	s.config.Log.Event(eventlog.SiteAsked, eventlog.F("host", q.Host), eventlog.F("peer", a.addr), eventlog.F("site", cmp.Or(answer.Site, "no site")),
		eventlog.F("entry", cmp.Or(answer.DistinguishedName, "no entry")), eventlog.F("server", cmp.Or(answer.Server, "none")), eventlog.F("address", answer.Address))
	return answer.Sign(s.config.Forest.key)
}

// enterSite makes or takes back the entry of an enterprise license server. The latest
// counts.
func (s *Controller) enterSite(a asker, text []byte) ([]byte, error) {
	e, err := enroll.ParseSiteEntry(text)
	if err == nil {
		err = s.mayEnter(a, e)
	}
	if err == nil {
		e, err = s.complete(a, e)
	}
	if err != nil {
		s.config.Log.Event(eventlog.SiteEntryRefused, eventlog.F("host", e.Server), eventlog.F("peer", a.addr), eventlog.F("reason", err))
		return nil, err
	}
	crash.Here("entry", crash.BeforeStore)
	changed, err := s.setEntry(e)
	if err != nil {
		return nil, err
	}
	crash.Here("entry", crash.AfterStore)
	if changed && !a.member.In(enroll.GroupControllers) {
		select {
		case s.handOn <- e:
		default: // partners hear of it when the license server enters itself again
		}
	}
	return s.siteAnswer(e.Site).Sign(s.config.Forest.key)
}

// mayEnter lets license servers enter themselves, and domain controllers hand on.
func (s *Controller) mayEnter(a asker, e enroll.SiteEntry) error {
	switch {
	case a.member == nil:
		return errors.New("only a member of the forest may make an entry")
	case a.member.In(enroll.GroupControllers):
		return a.same(e.PublicKey)
	case !a.member.In(enroll.GroupLicenseServers):
		return fmt.Errorf("%s joined as no license server", a.member.FQDN())
	case a.member.Host != e.Server || a.member.Domain != e.Domain:
		return fmt.Errorf("%s may enter itself, and not %s.%s", a.member.FQDN(), e.Server, e.Domain)
	}
	return a.same(e.PublicKey)
}

// complete fills in what the license server leaves to the domain controller: its site,
// and its address, of which it may say the port alone.
func (s *Controller) complete(a asker, e enroll.SiteEntry) (enroll.SiteEntry, error) {
	if e.Site = s.siteFor(a, e.Site); e.Site == "" {
		return e, fmt.Errorf("%v is in no subnet of the site map: add it with `labdc site set`", a.addr)
	}
	if e.Address == "" {
		return e, nil
	}
	host, port, err := net.SplitHostPort(e.Address)
	if err != nil {
		return e, fmt.Errorf("address %q: want host:port", e.Address)
	}
	if host == "" {
		e.Address = net.JoinHostPort(a.addr.String(), port)
	}
	return e, nil
}

// setEntry reports whether the directory says something else than before.
func (s *Controller) setEntry(e enroll.SiteEntry) (changed bool, err error) {
	key := lower(e.Site)
	next := Entry{Site: e.Site, Domain: e.Domain, Server: e.Server, Address: e.Address, Issued: e.Issued.UTC()}
	err = s.dir.change(func(d *data) error {
		old, there := d.Entries[key]
		mine := there && old.Server == e.Server && old.Domain == e.Domain
		switch {
		case there && old.Issued.After(next.Issued), e.Address == "" && !mine:
			return nil
		case e.Address == "":
			delete(d.Entries, key)
			changed = true
		default:
			d.Entries[key] = next
			changed = !mine || old.Address != next.Address
		}
		return nil
	})
	if err == nil && changed {
		s.config.Log.Event(eventlog.SiteEntered, eventlog.F("entry", s.siteAnswer(e.Site).DistinguishedName), eventlog.F("site", e.Site),
			eventlog.F("server", cmp.Or(s.dir.view().Entries[key].Server, "none")), eventlog.F("address", e.Address))
	}
	return changed, err
}

const (
	handOnWait  = 2 * time.Second // from one attempt to the next
	handOnTries = 30
)

// handOnEntries tells the partners of new entries, and asks them at the start for
// those that they have.
func (s *Controller) handOnEntries(ctx context.Context) {
	var all sync.WaitGroup
	defer all.Wait()
	for _, partner := range s.config.Partners {
		all.Go(func() { s.adoptEntries(ctx, partner) })
	}
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-s.handOn:
			for _, partner := range s.config.Partners {
				all.Go(func() { s.tell(ctx, partner, e) })
			}
		}
	}
}

// tell hands an entry on to one partner, again and again until it takes it.
func (s *Controller) tell(ctx context.Context, partner string, e enroll.SiteEntry) {
	for range handOnTries {
		_, err := s.id.EnterSiteFor(ctx, identity.Controller{Addr: partner, KeyLog: s.config.KeyLog}, e)
		if err == nil || !pause(ctx, handOnWait) {
			return
		}
	}
	s.config.Log.Event(eventlog.SiteEntryRefused, eventlog.F("host", e.Server), eventlog.F("peer", partner), eventlog.F("reason", "the partner cannot be reached"))
}

// adoptEntries asks a partner for the entries of the sites in the map.
func (s *Controller) adoptEntries(ctx context.Context, partner string) {
	var sites []string
	for _, subnet := range s.dir.view().Subnets {
		sites = append(sites, subnet.Site)
	}
	slices.Sort(sites)
	for _, site := range slices.Compact(sites) {
		a, err := s.id.QuerySiteOf(ctx, identity.Controller{Addr: partner, KeyLog: s.config.KeyLog}, site)
		if err != nil {
			return // it is not there yet, and hands on what it learns
		}
		if _, known := s.dir.view().Entries[lower(site)]; a.Server != "" && !known {
			_, _ = s.setEntry(enroll.SiteEntry{Domain: a.Domain, Server: a.Server, Address: a.Address, Site: site, Issued: a.Issued})
		}
	}
}

// pause waits; false when ctx ended before.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
