//go:build linux

package netlab

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/netlab/capture"
)

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
	if x.Event != nil {
		x.since, x.at = l.around(*x.Event)
	}
	l.record.Expectations = append(l.record.Expectations, x)
	kind := eventlog.ExpectationMet
	if !x.Met {
		kind = eventlog.ExpectationFailed
	}
	l.log.Event(kind, eventlog.F("text", x.Text), eventlog.F("want", x.Want), eventlog.F("got", x.Got), eventlog.F("place", x.Place))
	l.journal.poll()
}

// around is from the event before one, whoever logged it, to itself.
func (l *Lab) around(e eventlog.Event) (since, at time.Time) {
	for _, other := range l.Events() {
		if other.Machine.Before(e.Machine) && other.Machine.After(since) {
			since = other.Machine
		}
	}
	return since, e.Machine
}

// Await returns the first event since the last action began that match accepts. It
// waits for it until ctx ends.
func (l *Lab) Await(ctx context.Context, match func(eventlog.Event) bool) (eventlog.Event, error) {
	l.journal.poll()
	return l.journal.await(ctx, l.step, match)
}

// AwaitAny is [Lab.Await] for all events since the lab began.
func (l *Lab) AwaitAny(ctx context.Context, match func(eventlog.Event) bool) (eventlog.Event, error) {
	l.journal.poll()
	return l.journal.await(ctx, 0, match)
}

// Packets passes every packet captured so far to f, cable by cable. Everything that
// was sent before the call is there.
func (l *Lab) Packets(ctx context.Context, f func(capture.Packet)) error {
	if err := l.syncLinks(ctx); err != nil {
		return err
	}
	decoder := capture.NewDecoder()
	for _, h := range l.spec.Hosts {
		for _, link := range l.hosts[h.Name].links {
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

// syncLinks returns when what every host has sent is in its recording. It asks all at
// once: each answer takes until the kernel gives up the block that the mark is in.
func (l *Lab) syncLinks(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, syncTimeout)
	defer cancel()
	var g errgroup.Group
	for _, h := range l.hosts {
		for _, link := range h.links {
			g.Go(func() error { return link.Sync(ctx) })
		}
	}
	return g.Wait()
}

// Messages are the licensing messages and those to license servers that have been
// sent so far, also those that were encrypted.
func (l *Lab) Messages(ctx context.Context) ([]capture.Message, error) {
	if err := l.syncLinks(ctx); err != nil {
		return nil, err
	}
	var recordings []capture.Recording
	for _, h := range l.spec.Hosts {
		for _, link := range l.hosts[h.Name].links {
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
