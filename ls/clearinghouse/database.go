package clearinghouse

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"github.com/tslab/tslab/internal/crash"
)

const (
	bucketServers   = "servers"   // License Server ID -> Server
	bucketKeys      = "keys"      // fingerprint of a license server's key -> its present License Server ID
	bucketProducts  = "products"  // Product ID -> product
	bucketPacks     = "packs"     // Key Pack ID -> Pack
	bucketPurchases = "purchases" // program, numbers, kind, product -> Purchase
	bucketRecords   = "records"   // SHA-256 of a purchase record -> when it was taken in
	bucketResellers = "resellers" // name -> fingerprint of the key
	bucketLosses    = "losses"    // License Server ID, license id -> when it was made good
	bucketTransfers = "transfers" // License Server ID, license id or machine -> when it was transferred
	bucketAudit     = "audit"     // number, big-endian -> Record
)

func buckets() []string {
	return []string{bucketServers, bucketKeys, bucketProducts, bucketPacks, bucketPurchases, bucketRecords, bucketResellers,
		bucketLosses, bucketTransfers, bucketAudit}
}

// errDamaged is wrapped by errors of a database that does not hold together.
var errDamaged = errors.New("the clearinghouse database is damaged")

// State is what has become of an activation.
type State string

// The states.
const (
	Active      State = "active"
	Replaced    State = "replaced" // by a later activation
	Deactivated State = "deactivated"
)

// Server is an activation.
type Server struct {
	ServerID    string    `json:"server_id"`
	ProductID   string    `json:"product_id,omitempty"`
	Name        string    `json:"name"`
	Key         string    `json:"key"` // fingerprint
	Certificate []byte    `json:"certificate"`
	Activated   time.Time `json:"activated"`
	Document    []byte    `json:"-"` // the activation; not kept, for it names the company
	State       State     `json:"state"`
	ReplacedBy  string    `json:"replaced_by,omitempty"` // License Server ID of the later activation
	Reason      string    `json:"reason,omitempty"`      // of a reactivation
}

// Pack is a key pack that was issued.
type Pack struct {
	PackID     string    `json:"pack_id"`
	ServerID   string    `json:"server_id"`
	Kind       string    `json:"kind"`
	Product    string    `json:"product"`
	Program    string    `json:"program"`
	Count      uint32    `json:"count"`
	Issued     time.Time `json:"issued"`
	Document   []byte    `json:"document"`              // the key pack, as it was given out
	Purchase   string    `json:"purchase,omitempty"`    // key of the purchase that it draws on; empty: the clearinghouse's own
	Instead    string    `json:"instead,omitempty"`     // Key Pack ID that it was issued again for, or license ids that were lost
	ReissuedAs string    `json:"reissued_as,omitempty"` // Key Pack ID that took its place
	Recovered  bool      `json:"recovered,omitempty"`   // for tokens that were lost or transferred: nothing was bought for it
}

// Purchase is what a reseller's records say was bought, in sum.
type Purchase struct {
	Reseller  string   `json:"reseller"`
	Program   string   `json:"program"`
	Numbers   []string `json:"numbers"`
	Kind      string   `json:"kind"`
	Product   string   `json:"product"`
	Bought    uint32   `json:"bought"`
	Installed uint32   `json:"installed"` // in key packs that are good
	Recovered uint32   `json:"recovered"` // tokens issued again for lost or transferred ones
}

// Left is how many may still be installed.
func (p *Purchase) Left() uint32 { return p.Bought - p.Installed }

// transaction is all that one answer changes.
type transaction struct {
	tx  *bbolt.Tx
	now time.Time
}

// update runs f in a transaction and returns when it is on the disk.
func (h *Clearinghouse) update(f func(*transaction) error) error {
	now := h.clock.Now()
	err := h.db.Update(func(tx *bbolt.Tx) error {
		err := f(&transaction{tx, now})
		if err == nil {
			crash.Here("database", crash.BeforeStore)
		}
		return err
	})
	if err == nil {
		crash.Here("database", crash.AfterStore)
	}
	return err
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

// each calls f with every record of a bucket, decoded into a T.
func each[T any](t *transaction, bucket string, f func(key string, v T) error) error {
	return t.tx.Bucket([]byte(bucket)).ForEach(func(k, value []byte) error {
		var v T
		if err := json.Unmarshal(value, &v); err != nil {
			return fmt.Errorf("%w: %s %s: %w", errDamaged, bucket, k, err)
		}
		return f(string(k), v)
	})
}
