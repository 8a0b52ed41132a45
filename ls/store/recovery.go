package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/tslab/tslab/internal/durable"
	"github.com/tslab/tslab/wire/token"
)

// About is what a store's file says of itself.
type About struct {
	Name     string    // of the license server
	Host     string    // fingerprint of the host key that it belongs to; empty: none yet
	ServerID string    // empty: not activated
	Packs    int       // key packs, without the server's own pools
	CALs     uint32    // in them
	Tokens   int       // that are out
	Newest   time.Time // when the last of them was issued or renewed; zero: none
	Size     int64     // bytes
}

// ForeignError says that a store belongs to another machine: "the database alone cannot
// move to another host".
type ForeignError struct {
	Path      string
	Name      string // of the license server that it belongs to
	Host, Own string // fingerprints; Own is empty when this machine has no host key yet
}

func (e *ForeignError) Error() string {
	own := "this state folder has no host key"
	if e.Own != "" {
		own = "this one's is " + e.Own
	}
	return fmt.Sprintf("license store %s belongs to license server %q with the host key %s, and %s: the database alone cannot move to another host; "+
		"bring back the whole state folder of that machine, or begin with a new one, activate it, and have the clearinghouse reissue the key packs", e.Path, e.Name, e.Host, own)
}

// Host is the fingerprint of the host key that the store belongs to; empty: none yet.
func (s *Store) Host() (string, error) {
	var host string
	err := s.View(func(tx *Tx) error {
		host = string(tx.meta.Get(keyHost))
		return nil
	})
	return host, err
}

// Bind makes the store belong to a host key, by its fingerprint ([identity.Fingerprint]).
// One that belongs to another is refused with a [*ForeignError].
func (s *Store) Bind(ctx context.Context, fingerprint string) error {
	host, err := s.Host()
	switch {
	case err != nil || host == fingerprint:
		return err
	case host != "":
		return &ForeignError{Path: s.path, Name: s.name, Host: host, Own: fingerprint}
	}
	return s.Update(ctx, func(tx *Tx) error {
		tx.wrote = true
		return tx.meta.Put(keyHost, []byte(fingerprint))
	})
}

// Backup writes the store, as it was last committed, into a new file. Updates go on
// meanwhile. A file that is there is left alone.
func (s *Store) Backup(path string) (About, error) {
	temp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return About{}, fmt.Errorf("backup: %w", err)
	}
	defer os.Remove(temp.Name())
	err = s.db.View(func(tx *bbolt.Tx) error {
		w := bufio.NewWriterSize(temp, 1<<20)
		_, err := tx.WriteTo(w)
		return errors.Join(err, w.Flush())
	})
	if err = errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return About{}, fmt.Errorf("backup: %w", err)
	}
	about, err := Inspect(temp.Name())
	if err != nil {
		return About{}, fmt.Errorf("backup: what was written cannot be read: %w", err)
	}
	if err := os.Link(temp.Name(), path); err != nil { // a link replaces nothing
		if errors.Is(err, fs.ErrExist) {
			err = fmt.Errorf("%s is there already, and is not overwritten; name another file", path)
		}
		return About{}, fmt.Errorf("backup: %w", err)
	}
	return about, nil
}

// Inspect reads the file of a store, or a backup of one, whole, and changes nothing.
func Inspect(path string) (About, error) { return Read(path, func(License, Pack) error { return nil }) }

// Read is Inspect, and calls each for every license with its key pack, in the order of
// issue; an error of it ends the reading.
func Read(path string, each func(License, Pack) error) (about About, err error) {
	if about.Size, err = sizeOf(path); err != nil {
		return About{}, fmt.Errorf("backup: %w", err)
	}
	err = readOnly(path, func(tx *Tx) error {
		about.Name, about.Host = string(tx.meta.Get(keyName)), string(tx.meta.Get(keyHost))
		return about.read(tx, each)
	})
	return about, err
}

func sizeOf(path string) (int64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// readOnly hands f the store in a file that no license server is using, and changes
// nothing.
func readOnly(path string, f func(*Tx) error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = damaged(path, fmt.Errorf("%v", r))
		}
	}()
	size, err := sizeOf(path)
	switch {
	case err != nil:
		return fmt.Errorf("license store: %w", err)
	case size == 0:
		return damaged(path, errors.New("file is empty"))
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: lockWait, ReadOnly: true, FreelistType: bbolt.FreelistMapType})
	if err != nil {
		return openError(path, err)
	}
	defer db.Close()
	if err := wholeFile(db, path); err != nil {
		return err
	}
	s := &Store{path: path, db: db}
	return db.View(func(b *bbolt.Tx) error {
		tx, err := s.newTx(b)
		if err != nil {
			return err
		}
		if err := s.recognize(tx.meta, Options{Name: string(tx.meta.Get(keyName))}); err != nil {
			return err
		}
		return f(tx)
	})
}

// read counts what is in the store.
func (a *About) read(tx *Tx, each func(License, Pack) error) error {
	id, _, err := tx.Identity()
	if err != nil {
		return err
	}
	a.ServerID = id.ServerID
	packs, err := tx.Packs()
	if err != nil {
		return err
	}
	byNumber := map[uint32]Pack{}
	for _, p := range packs {
		byNumber[p.Number] = p
		if p.Unlimited {
			continue
		}
		a.Packs++
		if p.Kind == token.CAL {
			a.CALs += p.Total
		}
	}
	for l, err := range tx.Licenses(0) {
		if err != nil {
			return damaged(tx.s.path, err)
		}
		if err := each(l, byNumber[l.Pack]); err != nil {
			return err
		}
		if l.State == Live {
			a.Tokens++
		}
		if l.Issued.After(a.Newest) {
			a.Newest = l.Issued
		}
	}
	return nil
}

// Restore puts a backup into the state folder dir of the machine with the host key
// own, whose license server is stopped. The store that lies there is kept beside, under
// the name that is returned; it is empty when there was none.
func Restore(dir, backup, own string) (about About, kept string, err error) {
	if about, err = Inspect(backup); err != nil {
		return about, "", err
	}
	if about.Host != own || own == "" {
		return about, "", &ForeignError{Path: backup, Name: about.Name, Host: about.Host, Own: own}
	}
	text, err := os.ReadFile(backup)
	if err != nil {
		return about, "", fmt.Errorf("restore: %w", err)
	}
	path := filepath.Join(dir, FileName)
	if kept, err = setAside(path); err != nil {
		return about, "", err
	}
	if err := durable.WriteFile(path, text, 0o600); err != nil {
		return about, kept, fmt.Errorf("restore: %w", err)
	}
	return about, kept, nil
}

// setAside gives a store that nobody uses another name besides, so that there is a
// store at every moment: without one a license server would begin a new one.
func setAside(path string) (kept string, err error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: lockWait, FreelistType: bbolt.FreelistMapType})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return "", openError(path, err)
	}
	if err == nil { // a damaged one is what a backup is for
		if err := db.Close(); err != nil {
			return "", fmt.Errorf("restore: %w", err)
		}
	}
	for n := 1; ; n++ {
		kept = fmt.Sprintf("%s.%d", path, n)
		if err := os.Link(path, kept); errors.Is(err, fs.ErrExist) {
			continue
		} else if err != nil {
			return "", fmt.Errorf("restore: %w", err)
		}
		return kept, nil
	}
}

// Unissued reports a license id in the way of this store's, which it has not issued.
func (tx *Tx) Unissued(id string) bool {
	n, ok := tx.s.number(id)
	return ok && uint64(n) > tx.licenses.Sequence()
}
