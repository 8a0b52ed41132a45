// Package store is the license server's memory: key packs, the licenses issued from
// them and the server's own identity, in one bbolt file.
//
// It keeps fields, never certificates: signing is deterministic, so a license token
// is built again from its row whenever it is needed. Every change runs in a
// transaction of [Store.Update], which returns only when the change is on the disk;
// concurrent updates share one flush. What a transaction reads is what it changes:
// nothing else writes between, so N licenses are issued exactly N times whatever
// the number of callers.
package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/tslab/tslab/wire/hwid"
)

// FileName is the store's file within the state folder.
const FileName = "licenses.db"

const (
	lockWait  = 100 * time.Millisecond // how long Open waits for another program's lock
	allocSize = 1 << 20                // a file over a megabyte grows by this much
)

// Errors that callers tell apart.
var (
	ErrClosed        = errors.New("license store: closed")
	ErrPoolEmpty     = errors.New("license store: key pack has no free license")
	ErrDuplicatePack = errors.New("license store: key pack is already installed")
	ErrLiveRow       = errors.New("license store: device already holds a live license of this kind")
	ErrTextLength    = errors.New("longer than a row's text may be")
	ErrState         = errors.New("license store: license is not in the state that this needs")
)

// Store is an open license store. Its methods are safe for concurrent use.
type Store struct {
	path  string
	db    *bbolt.DB
	name  string
	seed  uint64
	tag   string
	queue chan *update
	stop  chan struct{}
	done  chan struct{}
	once  sync.Once

	flushes atomic.Uint64
}

// Options say whose store it is.
type Options struct {
	// Name is the license server's name. A new store takes it; an old one must
	// carry the same.
	Name string
	// Seed makes license ids and random lifetimes of a new store repeatable; an
	// old store keeps its own. Zero draws one.
	Seed uint64
}

// Open opens the store in the state folder dir, or begins one there. Every error is
// one sentence that says what to do; nothing is overwritten that is not a license
// store of this server.
func Open(dir string, o Options) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("state folder cannot be made: %w; choose another with --state", err)
	}
	s := &Store{path: filepath.Join(dir, FileName), queue: make(chan *update), stop: make(chan struct{}), done: make(chan struct{})}
	if err := s.open(o); err != nil {
		return nil, err
	}
	go s.commitLoop()
	return s, nil
}

// open opens the file and reads all of it once, so that damage is found now and not
// by a request. A damaged file may fault or panic inside bbolt: an error here.
func (s *Store) open(o Options) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = damaged(s.path, fmt.Errorf("%v", r))
		}
		if err != nil && s.db != nil {
			err = errors.Join(err, s.db.Close())
		}
	}()
	if s.db, err = openFile(s.path); err != nil {
		return err
	}
	if err := s.load(o); err != nil {
		return err
	}
	if err := s.View(readAll); err != nil {
		return damaged(s.path, err)
	}
	return nil
}

// readAll reads every row and every index entry.
func readAll(tx *Tx) error {
	for _, err := range tx.Licenses(0) {
		if err != nil {
			return err
		}
	}
	c := tx.devices.Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		if len(k) != hwid.Size+1 || len(v) != 4 {
			return fmt.Errorf("device index entry %x has a wrong length", k)
		}
	}
	c = tx.expiry.Cursor()
	for k, _ := c.First(); k != nil; k, _ = c.Next() {
		if _, _, err := splitExpiryKey(k); err != nil {
			return err
		}
	}
	_, err := tx.Packs()
	_, _, err2 := tx.Identity()
	return errors.Join(err, err2)
}

// openFile opens the bbolt file.
func openFile(path string) (*bbolt.DB, error) {
	if info, err := os.Stat(path); err == nil && info.Size() == 0 {
		return nil, damaged(path, errors.New("file is empty"))
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: lockWait, FreelistType: bbolt.FreelistMapType})
	if err != nil {
		return nil, openError(path, err)
	}
	db.AllocSize = allocSize
	return db, wholeFile(db, path)
}

// wholeFile refuses a file that is shorter than the pages that it speaks of: reading
// them through the mapping would end the process.
func wholeFile(db *bbolt.DB, path string) error {
	return db.View(func(tx *bbolt.Tx) error {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		if info.Size() < tx.Size() {
			return damaged(path, fmt.Errorf("file has %d of %d bytes", info.Size(), tx.Size()))
		}
		return nil
	})
}

func openError(path string, err error) error {
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return fmt.Errorf("license store %s is in use by another license server; stop that one or choose another --state", path)
	case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrChecksum):
		return damaged(path, err)
	case errors.Is(err, bolterrors.ErrVersionMismatch):
		return fmt.Errorf("license store %s was written by another version: %w; use that version or another --state", path, err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("license store cannot be opened: %w; give this user the file or choose another --state", err)
	case noRoom(err):
		return fullDisk(path, err)
	}
	return damaged(path, err)
}

func damaged(path string, err error) error {
	return fmt.Errorf("license store %s is damaged or not a license store (%w); restore a backup, or move it away and have the clearinghouse reissue the key packs", path, err)
}

func fullDisk(path string, err error) error {
	return fmt.Errorf("license store %s cannot grow: %w; make room on that disk, nothing issued is lost", path, err)
}

// noRoom reports that the disk has no room for the file, or no permission to grow;
// nothing has been changed then. (bbolt drops the cause of a failed resize.)
func noRoom(err error) bool {
	return strings.HasPrefix(err.Error(), "file resize error") ||
		errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EFBIG) || errors.Is(err, errQuota)
}

// Close finishes the updates that have begun and releases the file.
func (s *Store) Close() error {
	var err error
	s.once.Do(func() {
		close(s.stop)
		<-s.done
		err = s.db.Close()
	})
	return err
}

// Path is the file that the store lies in.
func (s *Store) Path() string { return s.path }

// Seed is what license ids and random lifetimes are drawn from.
func (s *Store) Seed() uint64 { return s.seed }

// Flushes is how many transactions have been made durable since Open.
func (s *Store) Flushes() uint64 { return s.flushes.Load() }

// Size is the size of the store's file in bytes.
func (s *Store) Size() (int64, error) {
	info, err := os.Stat(s.path)
	if err != nil {
		return 0, fmt.Errorf("license store: %w", err)
	}
	return info.Size(), nil
}

// View runs fn on what was last committed. Tx and all that it returned by reference
// end with fn; writing fails.
func (s *Store) View(fn func(*Tx) error) error {
	err := s.db.View(func(b *bbolt.Tx) error {
		tx, err := s.newTx(b)
		if err != nil {
			return err
		}
		return fn(tx)
	})
	if errors.Is(err, bolterrors.ErrDatabaseNotOpen) {
		return ErrClosed
	}
	return err
}

// Update runs fn alone with the store and returns when its changes are durable. An
// error of fn undoes what fn did and is returned. When a neighbor in the same group
// fails, fn is run again from the start, so it must not act outside the store: what
// it decides is told to the world after Update has returned nil. A ctx that ends
// before fn's turn keeps it from running.
func (s *Store) Update(ctx context.Context, fn func(*Tx) error) error {
	u := &update{ctx: ctx, fn: fn, done: make(chan error, 1)}
	select {
	case s.queue <- u:
	case <-s.stop:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	return <-u.done
}
