// Package clearinghouse activates license servers and issues their key packs: a
// certificate authority, a database of what it has done, and an audit log.
//
// It answers documents with documents (wire/enroll); how those travel is no
// business of this package. Every answer is in the database, with its line of the
// audit log in the same transaction, before it is given out.
package clearinghouse

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/tslab/tslab/internal/clock"
)

// DatabaseName is the file of the state folder that holds the database.
const DatabaseName = "clearinghouse.db"

// lockWait is how long Open waits for another program that has the database.
const lockWait = 500 * time.Millisecond

// Clearinghouse is an open clearinghouse. Its methods may be called from any
// goroutine.
type Clearinghouse struct {
	db        *bbolt.DB
	customers *bbolt.DB
	clock     clock.Clock
	root      *x509.Certificate
	key       *ecdsa.PrivateKey
}

// Init makes a clearinghouse of the given name in dir, with a root certificate and
// key of its own. It refuses a folder in which one lies already.
func Init(dir, name string, c clock.Clock) (*Clearinghouse, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("clearinghouse: %w", err)
	}
	h := &Clearinghouse{clock: c}
	if err := h.openDatabases(dir); err != nil {
		return nil, err
	}
	var err error
	if h.root, h.key, err = createRoot(dir, name); err != nil { // under the database's lock
		return nil, errors.Join(err, h.Close())
	}
	err = h.update(func(tx *transaction) error {
		return tx.audit(Record{Action: ActionInit, Detail: name})
	})
	if err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return h, nil
}

// Exists reports whether a clearinghouse lies in dir.
func Exists(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, RootName))
	return err == nil
}

// Open opens the clearinghouse that lies in dir.
func Open(dir string, c clock.Clock) (*Clearinghouse, error) {
	root, key, err := loadRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no clearinghouse in %s; make one with `clearinghouse init --state %[1]s`", dir)
	}
	if err != nil {
		return nil, err
	}
	h := &Clearinghouse{clock: c, root: root, key: key}
	if err := h.openDatabases(dir); err != nil {
		return nil, err
	}
	return h, nil
}

// Close closes the databases.
func (h *Clearinghouse) Close() error { return errors.Join(h.db.Close(), h.customers.Close()) }

// Root is the root certificate, which license servers, terminal servers and devices
// are told to trust.
func (h *Clearinghouse) Root() *x509.Certificate { return h.root }

func (h *Clearinghouse) openDatabases(dir string) (err error) {
	if h.db, err = openDatabase(dir, DatabaseName, buckets()...); err != nil {
		return err
	}
	if h.customers, err = openDatabase(dir, CustomersName, bucketCustomers); err != nil {
		return errors.Join(err, h.db.Close())
	}
	return nil
}

func openDatabase(dir, name string, buckets ...string) (*bbolt.DB, error) {
	path := filepath.Join(dir, name)
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: lockWait})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, fmt.Errorf("%s is in use by another program; end that one first", path)
	}
	if err != nil {
		return nil, fmt.Errorf("clearinghouse database %s: %w", path, err)
	}
	if err := makeBuckets(db, buckets); err != nil {
		return nil, errors.Join(fmt.Errorf("clearinghouse database %s: %w", path, err), db.Close())
	}
	return db, nil
}

// makeBuckets makes those that are missing; a file that has them all is not written to.
func makeBuckets(db *bbolt.DB, names []string) error {
	missing := false
	err := db.View(func(tx *bbolt.Tx) error {
		for _, name := range names {
			missing = missing || tx.Bucket([]byte(name)) == nil
		}
		return nil
	})
	if err != nil || !missing {
		return err
	}
	return db.Update(func(tx *bbolt.Tx) error {
		for _, name := range names {
			if _, err := tx.CreateBucketIfNotExists([]byte(name)); err != nil {
				return err
			}
		}
		return nil
	})
}

func random32() ([32]byte, error) {
	var b [32]byte
	_, err := rand.Read(b[:])
	return b, err
}
