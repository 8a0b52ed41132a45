package locate

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/tslab/tslab/internal/cursor"
)

// What stands in this package's comment.
const (
	Port      = 3345 // UDP
	Version   = 1
	QuerySize = 512 // bytes of every query, and the most of a reply
	NonceSize = 16

	MaxText     = 255 // bytes of a name or a group
	MaxServerID = 64
	MaxEdition  = 16
)

const magic = "TSLD"

// ErrVersion is wrapped by the error for a datagram of another version.
var ErrVersion = errors.New("other version of the discovery datagram")

// Nonce ties replies to their query.
type Nonce [NonceSize]byte

// Scope is what a license server serves.
type Scope uint8

// The scopes.
const (
	AnyScope Scope = iota // in a query
	Workgroup
	Domain
	Enterprise
)

// String is the scope's name as in wire/tsls; "any" for AnyScope.
func (s Scope) String() string {
	switch s {
	case AnyScope:
		return "any"
	case Workgroup:
		return "workgroup"
	case Domain:
		return "domain"
	case Enterprise:
		return "enterprise"
	}
	return fmt.Sprintf("scope %d", uint8(s))
}

// ParseScope reads workgroup, domain or enterprise.
func ParseScope(name string) (Scope, error) {
	for s := Workgroup; s <= Enterprise; s++ {
		if s.String() == name {
			return s, nil
		}
	}
	return 0, fmt.Errorf("scope %q: want workgroup, domain or enterprise", name)
}

// kind tells the datagrams apart.
type kind uint8

const (
	kindQuery kind = 1
	kindReply kind = 2
)

// Message is a [Query] or a [Reply].
type Message interface{ kind() kind }

func (Query) kind() kind { return kindQuery }
func (Reply) kind() kind { return kindReply }

// Parse reads a datagram of either kind.
func Parse(b []byte) (Message, error) {
	r := cursor.NewReader(b)
	head(r)
	switch k := kind(r.U8("kind")); {
	case r.Err() != nil:
		return nil, fmt.Errorf("discovery datagram: %w", r.Err())
	case k == kindQuery:
		return ParseQuery(b)
	case k == kindReply:
		return ParseReply(b)
	default:
		return nil, fmt.Errorf("discovery datagram: kind %d is neither query nor reply", k)
	}
}

// head reads what both begin with, up to the kind.
func head(r *cursor.Reader) {
	if m := r.Bytes("magic", len(magic)); m != nil && string(m) != magic {
		r.Failf("magic", "%q is not %q", m, magic)
	}
	if v := r.U8("version"); r.Err() == nil && v != Version {
		r.Failf("version", "%w: %d", ErrVersion, v)
	}
}

// begin reads the head and the nonce of one kind.
func begin(r *cursor.Reader, want kind) (n Nonce) {
	head(r)
	if k := kind(r.U8("kind")); r.Err() == nil && k != want {
		r.Failf("kind", "%d is not %d", k, want)
	}
	r.Copy("nonce", n[:])
	return n
}

func writeHead(w *cursor.Writer, k kind, n Nonce) {
	w.Append([]byte(magic))
	w.U8(Version)
	w.U8(uint8(k))
	w.Append(n[:])
}

func readText(r *cursor.Reader, field string, most int) string {
	n := int(r.U8(field))
	if n > most {
		r.Failf(field, "%d bytes, at most %d", n, most)
	}
	text := string(r.Bytes(field, n))
	if !utf8.ValidString(text) {
		r.Failf(field, "text is not UTF-8")
	}
	return text
}

func writeText(w *cursor.Writer, field, text string, most int) error {
	if len(text) > most || !utf8.ValidString(text) {
		return fmt.Errorf("%s %q: want UTF-8 of at most %d bytes", field, text, most)
	}
	w.U8(uint8(len(text)))
	w.Append([]byte(text))
	return nil
}

func readScope(r *cursor.Reader, least Scope) Scope {
	s := Scope(r.U8("scope"))
	if s < least || s > Enterprise {
		r.Failf("scope", "there is no scope %d", uint8(s))
	}
	return s
}

// Means reports whether the query asks for this license server: its scope, group and
// name are wanted ones.
func (q Query) Means(scope Scope, group, name string) bool {
	return (q.Scope == AnyScope || q.Scope == scope) &&
		(q.Group == "" || strings.EqualFold(q.Group, group)) &&
		(q.Name == "" || strings.EqualFold(q.Name, name))
}
