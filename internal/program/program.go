// Package program opens what every long-running program has: its state folder, its
// calendar, its event log and, if asked for, its TLS key log.
package program

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/clock"
	"github.com/tslab/tslab/internal/eventlog"
)

// EventsName is the event log's name in the state folder.
const EventsName = "events.jsonl"

// Program is a running program's surroundings.
type Program struct {
	Name, Host, State string
	Clock             clock.Clock
	Log               *eventlog.Log
	KeyLog            io.Writer // nil: none

	closers []io.Closer
}

// Open opens everything that d names. Its events are also printed to out, unless nil.
func Open(name string, d cli.Daemon, out io.Writer) (*Program, error) {
	p := &Program{Name: name, Host: d.Host, State: d.State, Clock: clock.System{}}
	if err := p.open(d, out); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

func (p *Program) open(d cli.Daemon, out io.Writer) error {
	if p.Host == "" {
		host, err := os.Hostname()
		if err != nil {
			return err
		}
		p.Host = host
	}
	if err := os.MkdirAll(p.State, 0o700); err != nil {
		return fmt.Errorf("state folder: %w", err)
	}
	if err := Owned(p.State, p.Name, p.Host); err != nil {
		return err
	}
	if d.Clock != "" {
		lab, err := clock.OpenLab(d.Clock)
		if err != nil {
			return err
		}
		p.Clock, p.closers = lab, append(p.closers, lab)
	}
	if d.KeyLog != "" {
		f, err := os.OpenFile(d.KeyLog, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return fmt.Errorf("key log: %w", err)
		}
		p.KeyLog, p.closers = f, append(p.closers, f)
	}
	events := d.Events
	if events == "" {
		events = filepath.Join(p.State, EventsName)
	}
	f, err := os.OpenFile(events, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("event log: %w", err)
	}
	p.closers = append(p.closers, f)
	var w io.Writer = f
	if out != nil {
		w = io.MultiWriter(f, Printer(out))
	}
	p.Log = eventlog.New(w, p.Host, p.Name, p.Clock, nil)
	return nil
}

// Ready records program.ready with the address that the program serves.
func (p *Program) Ready(address string) {
	Own(p.State, p.Name, p.Host)
	p.Log.Event(eventlog.ProgramReady, eventlog.F("program", p.Name), eventlog.F("address", address))
}

// Stopped records program.stopped. Who is asked to end while it still begins has been
// asked to, too; what went wrong beside that is said.
func (p *Program) Stopped(reason error) {
	text := "asked to"
	if reason != nil && !canceled(reason) {
		text = reason.Error()
	}
	p.Log.Event(eventlog.ProgramStopped, eventlog.F("program", p.Name), eventlog.F("reason", text))
}

// canceled reports an error that is context.Canceled with nothing else joined to it.
func canceled(err error) bool {
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		return !slices.ContainsFunc(several.Unwrap(), func(e error) bool { return !canceled(e) })
	}
	if inner := errors.Unwrap(err); inner != nil {
		return canceled(inner)
	}
	return errors.Is(err, context.Canceled) // package net has one of its own
}

// Close closes it all, the last opened first.
func (p *Program) Close() error {
	var errs []error
	for i := len(p.closers) - 1; i >= 0; i-- {
		errs = append(errs, p.closers[i].Close())
	}
	p.closers = nil
	return errors.Join(errs...)
}
