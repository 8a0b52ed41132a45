package gossip

import (
	"crypto/hkdf"
	"crypto/sha256"
	"strings"
)

// Scope is who gossips with whom: those with one label and one key.
type Scope struct {
	Label string // as "workgroup/WORKGROUP"; travels in the clear
	Key   [32]byte
}

// Workgroup is the scope of a workgroup. Its key comes from its name: who knows the
// name can listen and speak, as with everything in a workgroup.
func Workgroup(name string) Scope {
	label := "workgroup/" + strings.ToUpper(name)
	return Scope{Label: label, Key: derive([]byte(label), label)}
}

// Domain is the scope of a domain's license servers, Site that of the enterprise
// license servers of a site. The secret comes with membership; no two scopes have one
// key.
func Domain(name string, secret [32]byte) Scope { return member("domain/", name, secret) }

// Site is as Domain says.
func Site(name string, secret [32]byte) Scope { return member("site/", name, secret) }

func member(kind, name string, secret [32]byte) Scope {
	label := kind + strings.ToLower(name)
	return Scope{Label: label, Key: derive(secret[:], label)}
}

// derive is HKDF with SHA-256 (RFC 5869).
func derive(secret []byte, label string) (key [32]byte) {
	b, err := hkdf.Key(sha256.New, secret, nil, "tslab gossip\x00"+label, len(key))
	if err != nil { // only for a key longer than 255 hashes
		return sha256.Sum256(append(secret, label...))
	}
	return [32]byte(b)
}
