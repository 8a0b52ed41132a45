//go:build linux

package netlab

import (
	"context"
	"errors"
	"path/filepath"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/tslab/tslab/netlab/capture"
	"github.com/tslab/tslab/netlab/fault"
)

// CaptureName is the assembled capture's name in the folder of the run.
const CaptureName = "lab.pcapng"

// Close ends every program, the last started first, looks whether every invariant
// holds, assembles the capture, writes run.json and gives up the namespaces. It can be called again.
func (l *Lab) Close() error {
	l.closing.Do(func() { l.closeErr = l.close() })
	return l.closeErr
}

func (l *Lab) close() error {
	var errs []error
	close(l.ending)
	l.later.Wait()
	l.settleFaults(fault.Endpoint) // while there are programs to be asked
	for i := len(l.running) - 1; i >= 0; i-- {
		l.running[i].end(stopTimeout)
	}
	l.settleFaults(fault.Wire)
	l.tellOverruns()
	if l.journal != nil {
		l.journal.poll()
		l.checkInvariants()
	}
	ctx, cancel := context.WithTimeout(context.Background(), syncTimeout)
	defer cancel()
	recordings, err := l.endRecording(ctx)
	errs = append(errs, err, l.closeEngine())
	given := l.giveUp()
	if len(recordings) > 0 {
		errs = append(errs, l.assemble(recordings), l.record.locate(filepath.Join(l.Folder, CaptureName)))
	}
	if l.journal != nil {
		l.record.count(l.journal)
		l.journal.close()
	}
	if l.Clock != nil {
		l.record.End = l.Clock.Now()
		errs = append(errs, l.Clock.Close(), l.closeClocks())
	}
	if l.log != nil {
		errs = append(errs, l.log.Close())
	}
	errs = append(errs, <-given) // so that the record says it, too, and the folder is free after it
	if err := errors.Join(errs...); err != nil && l.record.Error == "" {
		l.record.Error = err.Error()
	}
	l.record.finish()
	errs = append(errs, l.record.write(l.Folder))
	l.held.Release()
	return errors.Join(errs...)
}

// giveUp gives cables, hosts and recorders back while the capture is being assembled: all
// at once, as each waits for the kernel. What became of them is told once, together.
func (l *Lab) giveUp() <-chan error {
	var closers []func() error
	if l.sw != nil {
		closers = append(closers, l.sw.Close)
	}
	for _, h := range l.hosts {
		closers = append(closers, h.Close)
		for _, link := range h.links {
			if link != nil { // the lab came up
				closers = append(closers, link.Close)
			}
		}
	}
	errs := make([]error, len(closers))
	given := make(chan error, 1)
	go func() {
		var all sync.WaitGroup
		for i, c := range closers {
			all.Go(func() { errs[i] = c() })
		}
		all.Wait()
		given <- errors.Join(errs...)
	}()
	return given
}

// endRecording ends all recordings, at once for the same reason.
func (l *Lab) endRecording(ctx context.Context) ([]capture.Recording, error) {
	var g errgroup.Group
	var mu sync.Mutex
	for _, h := range l.hosts {
		for _, link := range h.links {
			if link == nil {
				continue
			}
			g.Go(func() error {
				stats, err := link.End(ctx)
				mu.Lock()
				defer mu.Unlock()
				l.record.Links[link.Name] = stats
				return err
			})
		}
	}
	err := g.Wait()
	return l.record.recordings(l.Folder), err
}

// assemble makes the capture.
func (l *Lab) assemble(recordings []capture.Recording) error {
	events, _ := l.journal.since(0)
	return errors.Join(l.record.scan(recordings), l.record.assemble(l.Folder, recordings, events))
}
