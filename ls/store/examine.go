package store

import "errors"

// Invariant is something that holds in every store at any moment, whenever its license
// server was killed.
type Invariant string

// The invariants.
const (
	Positive  Invariant = "no pool is negative"
	Summed    Invariant = "the rows that count and the free licenses are what is installed"
	SingleRow Invariant = "a device has one live row of a kind"
	Indexed   Invariant = "the indexes name the rows that there are"
)

// Invariants are all of them.
func Invariants() []Invariant { return []Invariant{Positive, Summed, SingleRow, Indexed} }

// Violation is an invariant that does not hold, and why.
type Violation struct {
	Invariant Invariant
	Err       error
}

func (v *Violation) Error() string { return v.Err.Error() }

// Unwrap returns the reason.
func (v *Violation) Unwrap() error { return v.Err }

// Examined is what the file of a store holds.
type Examined struct {
	Packs      []Pack
	Licenses   int // rows, also those of the past
	Violations []*Violation
}

// Examine reads the file of a store that no license server is using, whole, and changes
// nothing. An error is about a file that cannot be read as a store.
func Examine(path string) (x Examined, err error) {
	err = readOnly(path, func(tx *Tx) error { return x.read(tx) })
	return x, err
}

func (x *Examined) read(tx *Tx) (err error) {
	if x.Packs, err = tx.Packs(); err != nil {
		return damaged(tx.s.path, err)
	}
	for range tx.Licenses(0) {
		x.Licenses++
	}
	for _, err := range check(tx) {
		v, ok := errors.AsType[*Violation](err)
		if !ok {
			return damaged(tx.s.path, err)
		}
		x.Violations = append(x.Violations, v)
	}
	return nil
}
