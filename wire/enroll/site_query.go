package enroll

import (
	"crypto"
	"crypto/x509"
	"time"
)

// SiteQuery asks a domain controller in which site a host is and which license server
// the site's directory entry names (decision table, part 8, V3).
type SiteQuery struct {
	Domain    string // of the asker; empty when it is a member of none
	Host      string
	Site      string // the site asked about; empty: that of the address that asks
	Issued    time.Time
	PublicKey []byte // PKIX, ECDSA P-256: of the asker
}

func (q *SiteQuery) code(c *coder) {
	c.text("domain", &q.Domain)
	c.text("host", &q.Host)
	c.text("site", &q.Site)
	c.time("issued", &q.Issued)
	c.blob("public key", &q.PublicKey)
}

func (q *SiteQuery) headers() []header {
	return headers(header{"Domain", q.Domain}, header{"Host", q.Host}, header{"Site", q.Site}, header{"Date", date(q.Issued)})
}

func (q *SiteQuery) check() error {
	if q.Domain != "" {
		if err := CheckDomain(q.Domain); err != nil {
			return err
		}
	}
	if q.Site != "" {
		if err := CheckSite(q.Site); err != nil {
			return err
		}
	}
	return CheckHost(q.Host)
}

// Sign makes the document for the host that holds key; PublicKey is set from it.
func (q SiteQuery) Sign(key crypto.Signer) ([]byte, error) {
	var err error
	if q.PublicKey, err = x509.MarshalPKIXPublicKey(key.Public()); err != nil {
		return nil, err
	}
	return signByAsker(KindSiteQuery, &q, key)
}

// ParseSiteQuery reads a query and checks its signature. Errors are [*DocumentError].
func ParseSiteQuery(text []byte) (SiteQuery, error) {
	var q SiteQuery
	if err := parseByAsker(text, KindSiteQuery, &q, &q.PublicKey); err != nil {
		return SiteQuery{}, err
	}
	return q, nil
}
