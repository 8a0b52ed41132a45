package clearinghouse

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"go.etcd.io/bbolt"
)

// Action is what a record of the audit log tells.
type Action string

// The actions.
const (
	ActionInit       Action = "init"
	ActionProduct    Action = "product"  // a product document was made
	ActionPurchase   Action = "purchase" // a reseller's record was taken in
	ActionActivate   Action = "activate"
	ActionReactivate Action = "reactivate"
	ActionDeactivate Action = "deactivate"
	ActionPrint      Action = "print"   // an activation or a key pack was given out again
	ActionIssue      Action = "issue"   // a key pack of the clearinghouse's own, for no purchase
	ActionInstall    Action = "install" // a key pack for a purchase
	ActionReissue    Action = "reissue" // a key pack for another License Server ID
	ActionRecover    Action = "recover" // tokens for lost ones
	ActionTransfer   Action = "transfer"
)

// Record is a line of the audit log. Each holds the hash of the one before it, so
// that none can be changed or taken out unseen.
type Record struct {
	Number   uint64    `json:"number"`
	Time     time.Time `json:"time"`
	Action   Action    `json:"action"`
	ServerID string    `json:"server_id,omitempty"`
	PackID   string    `json:"pack_id,omitempty"`
	Detail   string    `json:"detail,omitempty"`
	Previous string    `json:"previous,omitempty"` // SHA-256 of the line before, hexadecimal
}

// audit appends a record. Nothing in this package changes one.
func (t *transaction) audit(r Record) error {
	bucket := t.tx.Bucket([]byte(bucketAudit))
	if _, last := bucket.Cursor().Last(); last != nil {
		r.Previous = lineHash(last)
	}
	number, err := bucket.NextSequence()
	if err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	r.Number, r.Time = number, t.now
	line, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	return bucket.Put(binary.BigEndian.AppendUint64(nil, number), line)
}

func lineHash(line []byte) string {
	sum := sha256.Sum256(line)
	return hex.EncodeToString(sum[:])
}

// Audit calls f with every record, the oldest first, and fails at the first that
// does not follow the one before it.
func (h *Clearinghouse) Audit(f func(Record) error) error {
	return h.db.View(func(tx *bbolt.Tx) error {
		var before []byte
		number := uint64(0)
		return tx.Bucket([]byte(bucketAudit)).ForEach(func(key, line []byte) error {
			number++
			var r Record
			if err := json.Unmarshal(line, &r); err != nil {
				return fmt.Errorf("%w: audit log, record %d: %w", errDamaged, number, err)
			}
			want := ""
			if before != nil {
				want = lineHash(before)
			}
			if r.Number != number || !bytes.Equal(key, binary.BigEndian.AppendUint64(nil, number)) || r.Previous != want {
				return fmt.Errorf("%w: audit log, record %d does not follow the one before it", errDamaged, number)
			}
			before = line
			return f(r)
		})
	})
}
