package enroll

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
)

// SiteEntry is the entry of an enterprise license server in its site's directory, as
// the license server has it made, or taken back.
type SiteEntry struct {
	Domain    string // of the license server
	Server    string // its host name
	Address   string // host:port where terminal servers reach it; empty takes the entry back
	Site      string // empty: that of the address that asks
	Issued    time.Time
	PublicKey []byte // PKIX, ECDSA P-256: of the license server's host
}

func (e *SiteEntry) code(c *coder) {
	c.text("domain", &e.Domain)
	c.text("server", &e.Server)
	c.text("address", &e.Address)
	c.text("site", &e.Site)
	c.time("issued", &e.Issued)
	c.blob("public key", &e.PublicKey)
}

func (e *SiteEntry) headers() []header {
	return headers(header{"Domain", e.Domain}, header{"License server", e.Server}, header{"Address", e.Address},
		header{"Site", e.Site}, header{"Date", date(e.Issued)})
}

func (e *SiteEntry) check() error {
	if e.Site != "" {
		if err := CheckSite(e.Site); err != nil {
			return err
		}
	}
	return errors.Join(CheckDomain(e.Domain), CheckHost(e.Server))
}

// Sign makes the document for the license server's host that holds key; PublicKey is
// set from it.
func (e SiteEntry) Sign(key crypto.Signer) ([]byte, error) {
	var err error
	if e.PublicKey, err = x509.MarshalPKIXPublicKey(key.Public()); err != nil {
		return nil, err
	}
	return signByAsker(KindSiteEntry, &e, key)
}

// ParseSiteEntry reads an entry and checks its signature. Errors are
// [*DocumentError].
func ParseSiteEntry(text []byte) (SiteEntry, error) {
	var e SiteEntry
	if err := parseByAsker(text, KindSiteEntry, &e, &e.PublicKey); err != nil {
		return SiteEntry{}, err
	}
	return e, nil
}

// DistinguishedName is the name under which a site's directory has the entry of the
// enterprise license server (KB 301932; decision table, V3). forest is the DNS name
// of the forest's root domain.
func DistinguishedName(site, forest string) string {
	return fmt.Sprintf("CN=TS-Enterprise-License-Server,CN=%s,CN=sites,CN=configuration,DC=%s", site, strings.ReplaceAll(forest, ".", ",DC="))
}

// CheckSite refuses what is no name of a site.
func CheckSite(name string) error {
	if name == "" || len(name) > 63 || strings.ContainsFunc(name, func(r rune) bool {
		return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '-' && r != '_' && r != '.'
	}) {
		return fmt.Errorf("site %q: want letters, digits, '-', '_' and '.', at most 63", name)
	}
	return nil
}
