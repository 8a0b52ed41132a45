package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/tslab/tslab/internal/crash"
)

// maxGroup bounds how many updates share one flush, and with it how long the first
// of them waits.
const maxGroup = 512

// update is one call of Update on its way through the committer.
type update struct {
	ctx  context.Context
	fn   func(*Tx) error
	err  error // fn's own
	done chan error
}

// commitLoop is the only writer. While one group is being flushed the next gathers
// in the queue, so the group grows with the load and a lone caller never waits for
// company.
func (s *Store) commitLoop() {
	defer close(s.done)
	group := make([]*update, 0, maxGroup)
	var broken error
	for {
		select {
		case u := <-s.queue:
			group = s.gather(append(group[:0], u))
		case <-s.stop:
			return
		}
		if broken == nil {
			broken = s.commit(group)
		} else {
			fail(group, broken)
		}
		clear(group)
	}
}

// gather takes what is waiting already.
func (s *Store) gather(group []*update) []*update {
	for len(group) < maxGroup {
		select {
		case u := <-s.queue:
			group = append(group, u)
		default:
			return group
		}
	}
	return group
}

func fail(group []*update, err error) {
	for _, u := range group {
		u.done <- err
	}
}

// commit makes a group durable and answers every update in it. It returns an error
// only when the disk can no longer be trusted: after a flush that failed for another
// reason than a full disk, what a page holds is unknown, and the store stops.
func (s *Store) commit(group []*update) error {
	for len(group) > 0 {
		culprit, err := s.try(group)
		if err != nil && noRoom(err) {
			fail(group, fullDisk(s.path, err))
			return nil
		}
		if err != nil {
			err = fmt.Errorf("license store %s failed: %w; check the disk and start the license server again", s.path, err)
			fail(group, err)
			return err
		}
		if culprit < 0 {
			for _, u := range group {
				u.done <- u.err
			}
			return nil
		}
		u := group[culprit]
		u.done <- u.err
		group = append(group[:culprit], group[culprit+1:]...)
	}
	return nil
}

// try runs a group in one transaction and commits it. An update that failed after it
// had written spoils the transaction: its index is returned and nothing is kept.
func (s *Store) try(group []*update) (culprit int, err error) {
	b, err := s.db.Begin(true)
	if err != nil {
		return -1, err
	}
	tx, err := s.newTx(b)
	if err != nil {
		return -1, errors.Join(err, b.Rollback())
	}
	wrote := false
	for i, u := range group {
		tx.wrote = false
		if u.err = u.ctx.Err(); u.err == nil {
			u.err = u.fn(tx)
		}
		if u.err != nil && tx.wrote {
			return i, b.Rollback()
		}
		wrote = wrote || tx.wrote
	}
	if !wrote {
		return -1, b.Rollback()
	}
	s.flushes.Add(1)
	within(group, crash.BeforeStore)
	err = b.Commit()
	if err == nil {
		within(group, crash.AfterStore)
	}
	return -1, err
}

// within is a step of everybody who shares the flush.
func within(group []*update, step crash.Step) {
	for _, u := range group {
		crash.Within(u.ctx, step)
	}
}
