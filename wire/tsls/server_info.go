package tsls

import (
	"crypto/sha256"
	"errors"
)

// ServerInfo answers [Hello], [Ping] and [Activate]: what a license server is.
type ServerInfo struct {
	Version       uint16   // of the protocol; 0 is sent as Version
	Features      Features // what the license server can do
	Name          string   // host name
	ServerID      string   // License Server ID; empty when not activated
	Edition       string   // "w2k-rtm", "w2k-sp3", "ws2003"
	Scope         string   // "enterprise", "domain", "workgroup"
	Activated     bool
	CALIssuedEver bool // has issued a permanent CAL since it was installed (ends a grace period)
	PerUserPack   bool // a key pack of Per User licenses is installed (ends one too where peruser_ends_grace is on)
	// Certificates are the license server's own in DER, the present one first, then
	// those that it had before a reactivation: tokens under all of them are its own.
	Certificates [][]byte
	// Roots are the clearinghouses' root certificates in DER that it trusts.
	Roots [][]byte
	Site  string // of the license server, as its domain has it; empty without one
	// Proof, in the answer to Hello, shows that the license server has the key of its
	// present certificate: see [ProofOf].
	Proof []byte
}

// ProofOf is what a license server signs (ECDSA, ASN.1) to show that it has the key of
// its certificate: a SHA-256 bound to the TLS connection by its exporter (RFC 9266),
// so that nobody can show another's certificates as its own.
func ProofOf(binding []byte) [sha256.Size]byte {
	return sha256.Sum256(append([]byte("TSLab license server\x00"), binding...))
}

// Type is [TypeServerInfo].
func (ServerInfo) Type() Type { return TypeServerInfo }

func (m ServerInfo) code(c *coder) Message {
	if m.Version == 0 {
		m.Version = Version
	}
	c.u16("version", &m.Version)
	if m.Version == 0 {
		c.fail("version", errors.New("there is no version 0"))
	}
	c.u32("features", (*uint32)(&m.Features))
	c.text("name", &m.Name)
	c.text("server id", &m.ServerID)
	c.text("edition", &m.Edition)
	c.text("scope", &m.Scope)
	c.flag("activated", &m.Activated)
	c.flag("CAL issued ever", &m.CALIssuedEver)
	c.flag("Per User pack", &m.PerUserPack)
	c.blobs("certificates", &m.Certificates, MaxCertificates)
	c.blobs("roots", &m.Roots, MaxCertificates)
	c.text("site", &m.Site)
	c.blob("proof", &m.Proof)
	return m
}
