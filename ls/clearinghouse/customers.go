package clearinghouse

import (
	"encoding/json"
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/tslab/tslab/wire/enroll"
)

// CustomersName is the file of the state folder in which lies what customers told
// about themselves: "securely stored ... in a dedicated database", "kept separate",
// "not disclosed to third parties" (2003, Activating a Terminal Server license
// server). This package can write it, and correct an entry; nothing reads it out.
const CustomersName = "customers.db"

// Customer is what an administrator told about the company.
type Customer struct {
	Company string `json:"company,omitempty"`
	Contact string `json:"contact,omitempty"`
	Email   string `json:"email,omitempty"`
	Country string `json:"country,omitempty"`
}

func customerOf(r enroll.ActivationRequest) Customer {
	return Customer{Company: r.Company, Contact: r.Contact, Email: r.Email, Country: r.Country}
}

const bucketCustomers = "customers" // License Server ID -> Customer

// remember keeps what the customer of an activation told. The activation stands
// whether this succeeds or not.
func (h *Clearinghouse) remember(serverID string, c Customer) error {
	if c == (Customer{}) {
		return nil
	}
	value, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("customer database: %w", err)
	}
	return h.customers.Update(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(bucketCustomers)).Put([]byte(serverID), value)
	})
}
