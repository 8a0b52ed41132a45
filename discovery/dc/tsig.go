package dc

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/miekg/dns"

	"github.com/tslab/tslab/internal/durable"
)

// UpdateKeyName is the file of the state folder with the key by which all names of
// the domain may be changed, as `nsupdate -k` reads it.
const UpdateKeyName = "update.key"

// adminLabel begins the name of that key; no host may have that name.
const adminLabel = "_update"

// keys are the TSIG keys of a domain: one of each member, under the host's own name,
// and one for all names. They are drawn from the forest's secret, so that every domain
// controller knows them. It is a [dns.TsigProvider].
type keys struct {
	domain string
	forest *Forest
}

// host is the key of a member, by its DNS name.
func (k keys) host(name string) []byte { return k.forest.derive("TSIG " + fqdn(name)) }

func (k keys) admin() string { return adminLabel + "." + fqdn(k.domain) }

// write writes the key for all names.
func (k keys) write(dir string) error {
	name := strings.TrimSuffix(k.admin(), ".")
	text := fmt.Sprintf("key \"%s\" {\n\talgorithm hmac-sha256;\n\tsecret \"%s\";\n};\n", name, base64.StdEncoding.EncodeToString(k.host(name)))
	if err := durable.WriteFile(filepath.Join(dir, UpdateKeyName), []byte(text), 0o600); err != nil {
		return fmt.Errorf("update key: %w", err)
	}
	return nil
}

// Generate signs a message.
func (k keys) Generate(msg []byte, t *dns.TSIG) ([]byte, error) {
	if dns.CanonicalName(t.Algorithm) != dns.HmacSHA256 {
		return nil, dns.ErrKeyAlg
	}
	name := dns.CanonicalName(t.Hdr.Name)
	if !dns.IsSubDomain(fqdn(k.domain), name) || name == fqdn(k.domain) {
		return nil, dns.ErrSecret
	}
	h := hmac.New(sha256.New, k.host(name))
	h.Write(msg)
	return h.Sum(nil), nil
}

// Verify checks a message's signature.
func (k keys) Verify(msg []byte, t *dns.TSIG) error {
	want, err := k.Generate(msg, t)
	if err != nil {
		return err
	}
	mac, err := hex.DecodeString(t.MAC)
	if err != nil || !hmac.Equal(want, mac) {
		return dns.ErrSig
	}
	return nil
}
