package enroll

import (
	"crypto"
	"crypto/x509"
	"time"
)

// SiteAnswer answers a [SiteQuery] and a [SiteEntry]: the site, and its entry for the
// enterprise license server.
type SiteAnswer struct {
	Domain            string // of the domain controller that answers
	Site              string // empty: the address belongs to no site
	DistinguishedName string // of the entry, there or not; empty without a site
	Server            string // host name of the enterprise license server; empty: the site has none
	Address           string // where it is reached, host:port
	Issued            time.Time
}

func (a *SiteAnswer) code(c *coder) {
	c.text("domain", &a.Domain)
	c.text("site", &a.Site)
	c.text("distinguished name", &a.DistinguishedName)
	c.text("server", &a.Server)
	c.text("address", &a.Address)
	c.time("issued", &a.Issued)
}

func (a *SiteAnswer) headers() []header {
	return headers(header{"Domain", a.Domain}, header{"Site", a.Site}, header{"Entry", a.DistinguishedName},
		header{"License server", a.Server}, header{"Address", a.Address}, header{"Date", date(a.Issued)})
}

func (a *SiteAnswer) check() error {
	if a.Site != "" {
		if err := CheckSite(a.Site); err != nil {
			return err
		}
	}
	return CheckDomain(a.Domain)
}

// Sign makes the document; key is the forest's.
func (a SiteAnswer) Sign(key crypto.Signer) ([]byte, error) {
	return signChecked(KindSiteAnswer, &a, key)
}

// ParseSiteAnswer reads an answer that one of the forests has signed. Without any it
// believes the signature of nobody: a host that is no member has nothing to check it
// by. Errors are [*DocumentError].
func ParseSiteAnswer(text []byte, forests []*x509.Certificate) (SiteAnswer, error) {
	var a SiteAnswer
	if err := parseByForest(text, KindSiteAnswer, &a, forests); err != nil {
		return SiteAnswer{}, err
	}
	return a, nil
}
