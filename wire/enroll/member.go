package enroll

import (
	"crypto"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Groups that a membership certificate can name. All but the last are given by role;
// the last one is an administrator's to give, as on Windows Server 2003.
const (
	GroupComputers       = "Domain Computers"
	GroupControllers     = "Domain Controllers"
	GroupLicenseServers  = "Terminal Server License Servers"
	GroupTerminalServers = "Terminal Server Computers"
)

// Roles in which a host joins.
const (
	RoleHost           = "host"
	RoleTerminalServer = "termsrv"
	RoleLicenseServer  = "lserver"
	RoleController     = "labdc"
)

// RoleGroups are the groups that come with a role; nil for a role that there is not.
func RoleGroups(role string) []string {
	switch role {
	case RoleHost, RoleTerminalServer:
		return []string{GroupComputers}
	case RoleLicenseServer:
		return []string{GroupComputers, GroupLicenseServers}
	case RoleController:
		return []string{GroupComputers, GroupControllers}
	}
	return nil
}

// Member is who a membership certificate says that its holder is.
type Member struct {
	Domain string   // the domain's DNS name in lower case, without a last dot
	Host   string   // host name without the domain
	Groups []string // sorted
}

// In reports whether the member belongs to the group. Names of groups have no case.
func (m Member) In(group string) bool {
	return slices.ContainsFunc(m.Groups, func(g string) bool { return strings.EqualFold(g, group) })
}

// FQDN is the host's name in its domain.
func (m Member) FQDN() string { return m.Host + "." + m.Domain }

// usageMember limits a membership certificate: beside TLS it vouches for nothing.
func usageMember() asn1.ObjectIdentifier {
	return asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 32473, 1, 2, 2}
}

const memberYears = 20 // of a membership certificate

// CreateForest makes the certificate of a forest, under which its domain controllers
// issue memberships.
func CreateForest(name string, key crypto.Signer) (*x509.Certificate, error) {
	forest, err := createAuthority(name, key, x509.Certificate{
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature, MaxPathLenZero: true,
	})
	if err != nil {
		return nil, fmt.Errorf("certificate of the forest: %w", err)
	}
	return forest, nil
}

// CreateMember makes the certificate by which the holder of public's other half is
// known as m, valid from a day before now, which is the machine's time: transport is
// never judged by a lab's calendar.
func CreateMember(m Member, public crypto.PublicKey, forest *x509.Certificate, forestKey crypto.Signer, now time.Time) (*x509.Certificate, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	if _, err := publicKey(public); err != nil {
		return nil, fmt.Errorf("membership certificate: %w", err)
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: m.Host, Organization: []string{m.Domain}, OrganizationalUnit: m.Groups},
		DNSNames:     []string{m.Host, m.FQDN()},
		NotBefore:    now.AddDate(0, 0, -1), NotAfter: now.AddDate(memberYears, 0, 0),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		UnknownExtKeyUsage:    []asn1.ObjectIdentifier{usageMember()},
		BasicConstraintsValid: true,
	}
	return create(template, forest, public, forestKey)
}

// CheckMember refuses a certificate that is no membership under any of the forests
// and says whose it is. now is the machine's time.
func CheckMember(cert *x509.Certificate, forests []*x509.Certificate, now time.Time) (Member, error) {
	if !slices.ContainsFunc(cert.UnknownExtKeyUsage, usageMember().Equal) || len(cert.Subject.Organization) != 1 {
		return Member{}, fmt.Errorf("%q shows no membership of a domain", cert.Subject.CommonName)
	}
	m := Member{Domain: cert.Subject.Organization[0], Host: cert.Subject.CommonName, Groups: slices.Sorted(slices.Values(cert.Subject.OrganizationalUnit))}
	if err := m.check(); err != nil {
		return Member{}, err
	}
	if !slices.ContainsFunc(forests, func(f *x509.Certificate) bool { return cert.CheckSignatureFrom(f) == nil }) {
		return Member{}, fmt.Errorf("%s is member of a domain %q that is not of this forest", m.Host, m.Domain)
	}
	if now.Before(cert.NotBefore) || now.After(cert.NotAfter) {
		return Member{}, fmt.Errorf("the membership of %s is valid from %s to %s, and the machine's clock says %s",
			m.FQDN(), cert.NotBefore.Format(time.DateOnly), cert.NotAfter.Format(time.DateOnly), now.UTC().Format(time.DateOnly))
	}
	return m, nil
}

func (m Member) check() error {
	if err := CheckDomain(m.Domain); err != nil {
		return err
	}
	if err := CheckHost(m.Host); err != nil {
		return err
	}
	if len(m.Groups) > maxList {
		return fmt.Errorf("%s is in %d groups, more than %d", m.Host, len(m.Groups), maxList)
	}
	for _, g := range m.Groups {
		if err := CheckGroup(g); err != nil {
			return err
		}
	}
	return nil
}

// CheckDomain refuses what is no DNS name of a domain in lower case: labels of
// letters, digits and inner hyphens (RFC 1123).
func CheckDomain(name string) error {
	if len(name) > 200 || !allLabels(strings.Split(name, ".")) {
		return fmt.Errorf("domain %q: want a DNS name in lower case, as corp.example", name)
	}
	return nil
}

// CheckHost refuses what is no host name in lower case without a domain.
func CheckHost(name string) error {
	if !allLabels([]string{name}) {
		return fmt.Errorf("host name %q: want lower-case letters, digits and inner hyphens, at most 63", name)
	}
	return nil
}

// CheckGroup refuses what is no name of a group.
func CheckGroup(name string) error {
	if name == "" || len(name) > 64 || strings.TrimSpace(name) != name || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r > '~' }) {
		return fmt.Errorf("group %q: want 1 to 64 printable ASCII characters", name)
	}
	return nil
}

func allLabels(labels []string) bool {
	for _, l := range labels {
		if l == "" || len(l) > 63 || strings.Trim(l, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || l[0] == '-' || l[len(l)-1] == '-' {
			return false
		}
	}
	return true
}

// RequestProof shows a domain controller that the asker has the join secret. binding
// is of the TLS connection (RFC 9266, exporter), so that nobody between can use it.
func RequestProof(secret, binding []byte) []byte {
	return prove("TSLab join request\x00", secret, binding)
}

// AnswerProof shows the asker that the domain controller has the join secret too.
func AnswerProof(secret, binding []byte) []byte {
	return prove("TSLab join answer\x00", secret, binding)
}

func prove(label string, secret, binding []byte) []byte {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(label))
	h.Write(binding)
	return h.Sum(nil)
}
