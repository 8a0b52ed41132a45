package locate

import (
	"fmt"

	"github.com/tslab/tslab/internal/cursor"
)

// Query asks the license servers that it means to reply.
type Query struct {
	Nonce Nonce
	Scope Scope  // AnyScope for all
	Group string // workgroup or domain; empty for all
	Name  string // of one license server; empty for all
}

// Append adds the query, padded to [QuerySize].
func (q Query) Append(b []byte) ([]byte, error) {
	w := cursor.NewWriter(b)
	writeHead(w, kindQuery, q.Nonce)
	if q.Scope > Enterprise {
		return b, fmt.Errorf("discovery query: there is no scope %d", uint8(q.Scope))
	}
	w.U8(uint8(q.Scope))
	if err := writeText(w, "group", q.Group, maxQueryText); err != nil {
		return b, fmt.Errorf("discovery query: %w", err)
	}
	if err := writeText(w, "name", q.Name, maxQueryText); err != nil {
		return b, fmt.Errorf("discovery query: %w", err)
	}
	w.Zero(QuerySize - (w.Len() - len(b)))
	return w.Bytes(), nil
}

// maxQueryText leaves room for both texts in a query.
const maxQueryText = (QuerySize - len(magic) - 1 - 1 - NonceSize - 1 - 1 - 1) / 2

// ParseQuery reads a query. It must be of [QuerySize] and its padding zero, so that
// no reply is longer than what it answers.
func ParseQuery(b []byte) (Query, error) {
	r := cursor.NewReader(b)
	q := Query{Nonce: begin(r, kindQuery)}
	q.Scope = readScope(r, AnyScope)
	q.Group = readText(r, "group", maxQueryText)
	q.Name = readText(r, "name", maxQueryText)
	for _, pad := range r.Rest("padding") {
		if pad != 0 {
			r.Failf("padding", "byte 0x%02x is not zero", pad)
		}
	}
	if len(b) != QuerySize {
		r.Failf("padding", "a query has %d bytes, this one %d", QuerySize, len(b))
	}
	if err := r.End(); err != nil {
		return Query{}, fmt.Errorf("discovery query: %w", err)
	}
	return q, nil
}
