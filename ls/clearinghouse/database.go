package clearinghouse

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"
)

const (
	bucketServers   = "servers"   // License Server ID -> Server
	bucketKeys      = "keys"      // fingerprint of a license server's key -> its present License Server ID
	bucketPacks     = "packs"     // Key Pack ID -> Pack
	bucketCustomers = "customers" // License Server ID -> Customer; apart, for nobody but the clearinghouse
	bucketAudit     = "audit"     // number, big-endian -> Record
)

func buckets() []string {
	return []string{bucketServers, bucketKeys, bucketPacks, bucketCustomers, bucketAudit}
}

// errDamaged is wrapped by errors of a database that does not hold together.
var errDamaged = errors.New("the clearinghouse database is damaged")

// Server is an activation.
type Server struct {
	ServerID    string    `json:"server_id"`
	Name        string    `json:"name"`
	Key         string    `json:"key"` // fingerprint
	Certificate []byte    `json:"certificate"`
	Activated   time.Time `json:"activated"`
	Document    []byte    `json:"-"`                     // the activation; not kept, for it names the company
	ReplacedBy  string    `json:"replaced_by,omitempty"` // License Server ID of a later activation
}

// Customer is what an administrator told about the company.
type Customer struct {
	Company string `json:"company,omitempty"`
	Contact string `json:"contact,omitempty"`
	Email   string `json:"email,omitempty"`
	Country string `json:"country,omitempty"`
}

// Pack is a key pack that was issued.
type Pack struct {
	PackID   string    `json:"pack_id"`
	ServerID string    `json:"server_id"`
	Kind     string    `json:"kind"`
	Product  string    `json:"product"`
	Program  string    `json:"program"`
	Count    uint32    `json:"count"`
	Issued   time.Time `json:"issued"`
	Document []byte    `json:"document"` // the key pack, as it was given out
}

// transaction is all that one answer changes.
type transaction struct {
	tx  *bbolt.Tx
	now time.Time
}

// update runs f in a transaction and returns when it is on the disk.
func (h *Clearinghouse) update(f func(*transaction) error) error {
	now := h.clock.Now()
	return h.db.Update(func(tx *bbolt.Tx) error { return f(&transaction{tx, now}) })
}

func (t *transaction) put(bucket, key string, v any) error {
	value, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("clearinghouse database: %s %s: %w", bucket, key, err)
	}
	return t.tx.Bucket([]byte(bucket)).Put([]byte(key), value)
}

// get reads a record into v; false when there is none.
func (t *transaction) get(bucket, key string, v any) (bool, error) {
	value := t.tx.Bucket([]byte(bucket)).Get([]byte(key))
	if value == nil {
		return false, nil
	}
	if err := json.Unmarshal(value, v); err != nil {
		return false, fmt.Errorf("%w: %s %s: %w", errDamaged, bucket, key, err)
	}
	return true, nil
}
