package store

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/tslab/tslab/internal/cursor"
)

var (
	keyFormat     = []byte("format")
	keyName       = []byte("name")
	keySeed       = []byte("seed")
	keyIdentity   = []byte("identity")
	keyCALIssued  = []byte("cal-issued")
	keyEdition    = []byte("edition")
	keyReactivate = []byte("needs-reactivation")
	keyProduct    = []byte("product")
	keyHost       = []byte("host")
	currentFormat = []byte{1}
)

// Identity is who the license server is.
type Identity struct {
	Key        []byte   // signing key, PKCS#8
	SelfSigned []byte   // the certificate that it made itself, DER
	ServerID   string   // License Server ID; empty until activated
	Company    string   // that it is activated for
	Chain      [][]byte // from the clearinghouse's root to its own certificate, DER; empty until activated
	Former     [][]byte // certificates that it signed with before, DER
}

// Activated reports whether the clearinghouse has certified the server.
func (id Identity) Activated() bool { return len(id.Chain) > 0 }

// Identity reads the identity; ok is false in a new store.
func (tx *Tx) Identity() (id Identity, ok bool, err error) {
	b := tx.meta.Get(keyIdentity)
	if b == nil {
		return Identity{}, false, nil
	}
	if id, err = ParseIdentity(b); err != nil {
		return Identity{}, false, fmt.Errorf("license store: identity: %w", err)
	}
	return id, true, nil
}

// SetIdentity replaces the identity.
func (tx *Tx) SetIdentity(id Identity) error {
	tx.wrote = true
	return tx.meta.Put(keyIdentity, AppendIdentity(nil, id))
}

// Edition is the name of the edition that the store was last used with; empty in a
// new one.
func (tx *Tx) Edition() string { return string(tx.meta.Get(keyEdition)) }

// SetEdition notes the edition.
func (tx *Tx) SetEdition(name string) error {
	tx.wrote = true
	return tx.meta.Put(keyEdition, []byte(name))
}

// NeedsReactivation reports a server whose activation was lost by an upgrade.
func (tx *Tx) NeedsReactivation() bool { return tx.meta.Get(keyReactivate) != nil }

// SetReactivate notes that the server must be activated again, or has been.
func (tx *Tx) SetReactivate(needed bool) error {
	tx.wrote = true
	if !needed {
		return tx.meta.Delete(keyReactivate)
	}
	return tx.meta.Put(keyReactivate, []byte{1})
}

// Product is the product document that the server was installed from; nil: none.
func (tx *Tx) Product() []byte { return append([]byte(nil), tx.meta.Get(keyProduct)...) }

// SetProduct keeps the product document.
func (tx *Tx) SetProduct(document []byte) error {
	tx.wrote = true
	return tx.meta.Put(keyProduct, document)
}

// maxBlobs bounds a list of certificates.
const maxBlobs = 1024

// AppendIdentity appends the row of id.
func AppendIdentity(b []byte, id Identity) []byte {
	b = append(b, rowVersion)
	b = appendBlob(b, id.Key)
	b = appendBlob(b, id.SelfSigned)
	b = appendText(b, id.ServerID)
	b = appendText(b, id.Company)
	b = appendBlobs(b, id.Chain)
	return appendBlobs(b, id.Former)
}

// ParseIdentity reads a row of AppendIdentity.
func ParseIdentity(b []byte) (Identity, error) {
	r := cursor.NewReader(b)
	version(r)
	id := Identity{Key: blob(r, "key"), SelfSigned: blob(r, "self-made certificate")}
	id.ServerID = text(r, "license server id")
	id.Company = text(r, "company")
	id.Chain = blobs(r, "chain")
	id.Former = blobs(r, "former certificates")
	if err := r.End(); err != nil {
		return Identity{}, err
	}
	return id, nil
}

func appendBlob(b, blob []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(blob)))
	return append(b, blob...)
}

func appendBlobs(b []byte, list [][]byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for _, blob := range list {
		b = appendBlob(b, blob)
	}
	return b
}

// blob copies: the row's memory ends with its transaction.
func blob(r *cursor.Reader, field string) []byte {
	n := uvarint(r, field)
	if n == 0 {
		return nil
	}
	if n > uint64(r.Len()) {
		r.Fail(field, cursor.ErrTruncated)
		return nil
	}
	return append([]byte(nil), r.Bytes(field, int(n))...)
}

func blobs(r *cursor.Reader, field string) [][]byte {
	n := uvarint(r, field)
	if n > maxBlobs {
		r.Fail(field, errRange)
		return nil
	}
	var list [][]byte
	for range n {
		if r.Err() != nil {
			return nil
		}
		list = append(list, blob(r, field))
	}
	return list
}

// load reads what an old store is, or makes a new one what o says.
func (s *Store) load(o Options) error {
	fresh := false
	if err := s.db.View(func(tx *bbolt.Tx) error {
		fresh = tx.Bucket(bucketMeta) == nil
		if k, _ := tx.Cursor().First(); fresh && k != nil {
			return damaged(s.path, errors.New("its tables are another program's"))
		}
		return nil
	}); err != nil {
		return err
	}
	if fresh {
		if err := s.db.Update(func(tx *bbolt.Tx) error { return create(tx, o) }); err != nil {
			if noRoom(err) {
				return fullDisk(s.path, err)
			}
			return fmt.Errorf("license store %s cannot be begun: %w", s.path, err)
		}
	}
	return s.db.View(func(tx *bbolt.Tx) error {
		if _, err := s.newTx(tx); err != nil {
			return err
		}
		return s.recognize(tx.Bucket(bucketMeta), o)
	})
}

func create(tx *bbolt.Tx, o Options) error {
	for _, name := range [][]byte{bucketMeta, bucketPacks, bucketLicenses, bucketDevices, bucketExpiry} {
		if _, err := tx.CreateBucket(name); err != nil {
			return err
		}
	}
	seed := o.Seed
	for seed == 0 {
		var b [8]byte
		if _, err := rand.Read(b[:]); err != nil {
			return err
		}
		seed = binary.BigEndian.Uint64(b[:])
	}
	meta := tx.Bucket(bucketMeta)
	for _, kv := range [][2][]byte{
		{keyFormat, currentFormat},
		{keyName, []byte(o.Name)},
		{keySeed, binary.BigEndian.AppendUint64(nil, seed)},
	} {
		if err := meta.Put(kv[0], kv[1]); err != nil {
			return err
		}
	}
	return nil
}

// recognize refuses a store in another format or of another server.
func (s *Store) recognize(meta *bbolt.Bucket, o Options) error {
	if f := meta.Get(keyFormat); string(f) != string(currentFormat) {
		return fmt.Errorf("license store %s is in format %x, this program knows %x; use the program that wrote it or another --state", s.path, f, currentFormat)
	}
	if s.name = string(meta.Get(keyName)); s.name != o.Name {
		return fmt.Errorf("license store %s belongs to license server %q, not to %q; start it with --host %s or choose another --state", s.path, s.name, o.Name, s.name)
	}
	seed := meta.Get(keySeed)
	if len(seed) != 8 {
		return damaged(s.path, errors.New("its seed has a wrong length"))
	}
	s.seed = binary.BigEndian.Uint64(seed)
	s.tag = tag(s.name, s.seed)
	return nil
}

// tag tells the license ids of one store from another's: five letters and digits.
func tag(name string, seed uint64) string {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64([]byte("license ids of "+name+"\x00"), seed))
	return base32.StdEncoding.EncodeToString(sum[:])[:5]
}
