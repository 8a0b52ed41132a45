// Package keypack is what a license server knows of key packs before it stores
// them: whether a document is one for it, what its tokens are, and by which program
// they were bought.
package keypack

import (
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tslab/tslab/wire/enroll"
	"github.com/tslab/tslab/wire/token"
)

// Pack is a key pack that was found good for a license server.
type Pack struct {
	ID       string // Key Pack ID
	ServerID string // License Server ID that it is made for
	Kind     token.Kind
	Product  string
	Version  token.Version
	Program  Program
	Count    uint32
	Issued   time.Time
}

// OtherServerError says that a key pack is made for another license server.
type OtherServerError struct {
	PackID   string
	For, Own string // License Server IDs; For is empty when it cannot be told
}

func (e *OtherServerError) Error() string {
	if e.For == "" {
		return fmt.Sprintf("key pack %s is not made for License Server ID %s, which this server is, or not by its clearinghouse; have the clearinghouse issue it for this server", e.PackID, e.Own)
	}
	return fmt.Sprintf("key pack %s is made for License Server ID %s and this server is %s; have the clearinghouse issue it for this server", e.PackID, e.For, e.Own)
}

// ErrNotActivated is the answer of a license server that has no License Server ID.
var ErrNotActivated = errors.New("the license server is not activated, and a key pack is bound to a License Server ID; activate it first")

// Read reads a key pack document and checks that the clearinghouse of root has
// signed it for the license server serverID. Whether it is installed already is
// the store's business. Errors are [*enroll.DocumentError], [*OtherServerError]
// and [ErrNotActivated].
func Read(document []byte, root *x509.Certificate, serverID string) (Pack, error) {
	if root == nil || serverID == "" {
		return Pack{}, ErrNotActivated
	}
	d, err := enroll.ParseKeyPack(document, root)
	if err != nil {
		return Pack{}, err
	}
	if d.ServerID != serverID {
		return Pack{}, &OtherServerError{PackID: d.PackID, For: d.ServerID, Own: serverID}
	}
	kind, err := ParseKind(d.Kind)
	if err != nil {
		return Pack{}, &enroll.DocumentError{Kind: enroll.KindKeyPack, Reason: err.Error(), Remedy: "use a release of this program that knows it"}
	}
	version := token.Version{Major: d.Major, Minor: d.Minor}
	if err := CheckVersion(kind, version); err != nil {
		return Pack{}, &enroll.DocumentError{Kind: enroll.KindKeyPack, Reason: err.Error(), Remedy: "have the clearinghouse issue another"}
	}
	return Pack{
		ID: d.PackID, ServerID: d.ServerID, Kind: kind, Product: d.Product,
		Version: version,
		Program: Program(d.Program), Count: d.Count, Issued: d.Issued,
	}, nil
}

// ParseKind reads the name of a kind of token that key packs hold. Temporary and
// built-in tokens come in no key pack: every license server has them.
func ParseKind(name string) (token.Kind, error) {
	for _, k := range []token.Kind{token.CAL, token.InternetConnector, token.PerUser} {
		if name == k.String() {
			return k, nil
		}
	}
	return 0, fmt.Errorf("a key pack holds %q, %q or %q, not %q", token.CAL, token.InternetConnector, token.PerUser, name)
}

// KindOf finds a kind of token by its name, or by its name as a flag has it: "cal",
// "internet-connector", "per-user". None is a CAL.
func KindOf(s string) (token.Kind, error) {
	s = strings.TrimSpace(s)
	for _, k := range []token.Kind{token.CAL, token.InternetConnector, token.PerUser} {
		if s == "" || strings.EqualFold(s, k.String()) || strings.EqualFold(s, strings.ReplaceAll(k.String(), " ", "-")) {
			return k, nil
		}
	}
	return 0, Fault("kind", "choose cal, internet-connector or per-user", "there are no licenses %q in key packs", s)
}

// CheckVersion is an error if there are no licenses of the kind for the version of
// Windows: Per User came with Windows Server 2003 (seed 001, "two types of CALs").
func CheckVersion(kind token.Kind, v token.Version) error {
	perUserSince := token.Version{Major: 5, Minor: 2}
	if kind == token.PerUser && (v.Major < perUserSince.Major || v.Major == perUserSince.Major && v.Minor < perUserSince.Minor) {
		return fmt.Errorf("%v licenses came with Windows Server 2003 (version %v), and this is for version %v", kind, perUserSince, v)
	}
	return nil
}
