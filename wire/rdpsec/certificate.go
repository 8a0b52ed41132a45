package rdpsec

import (
	"errors"
	"fmt"

	"github.com/tslab/tslab/internal/cursor"
)

// Versions of SERVER_CERTIFICATE, MS-RDPBCGR 2.2.1.4.3.1.
const (
	certProprietary = 1
	certX509        = 2
	certVersionMask = 0x7fffffff // bit 31 says "issued temporarily"
)

// ParseServerCertificate finds the key in a SERVER_CERTIFICATE of either form: the
// proprietary certificate's own, or that of the chain's last certificate. No
// signature is checked: that of the proprietary form protects nothing, and no
// client knows a root for the other.
func ParseServerCertificate(b []byte) (*PublicKey, error) {
	r := cursor.NewReader(b)
	version := r.U32("dwVersion") & certVersionMask
	if r.Err() != nil {
		return nil, fmt.Errorf("server certificate: %w", r.Err())
	}
	var key *PublicKey
	var err error
	switch version {
	case certProprietary:
		key, err = parseProprietary(r)
	case certX509:
		key, err = parseChain(r)
	default:
		return nil, fmt.Errorf("server certificate: dwVersion %d, want 1 (proprietary) or 2 (X.509)", version)
	}
	if err != nil {
		return nil, fmt.Errorf("server certificate: %w", err)
	}
	if err := key.check(); err != nil {
		return nil, fmt.Errorf("server certificate: %w", err)
	}
	return key, nil
}

var errNoCertificate = errors.New("chain has no certificate")
