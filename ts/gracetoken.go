package ts

import (
	"crypto/ecdsa"
	"crypto/x509"
	"fmt"

	"github.com/tslab/tslab/ts/policy"
	"github.com/tslab/tslab/wire/token"
)

// graceSigner signs the temporary tokens that the grace period gives with the knob
// grace_token=ts-temp: the "temporary license that is provided by the server grace
// period" (KB 326422), as conflict C18 reads it to the letter. Its key is the one that
// this terminal server shows to license servers. Nobody else trusts it.
type graceSigner struct {
	signer token.Signer
	host   string
}

func newGraceSigner(c Config, key *ecdsa.PrivateKey) (*graceSigner, error) {
	certificate, err := token.SelfSign(c.Host, c.Clock.Now(), key)
	if err != nil {
		return nil, fmt.Errorf("tokens of the grace period: %w", err)
	}
	return &graceSigner{token.Signer{Chain: [][]byte{certificate}, Key: key}, c.Host}, nil
}

// made reports whether a token with this certificate above it is one of the grace
// period's. The certificate is made anew at each start, the key is not.
func (g *graceSigner) made(server *x509.Certificate) bool {
	key, ok := server.PublicKey.(*ecdsa.PublicKey)
	return ok && key.Equal(g.signer.Key.Public())
}

// token is the temporary token of the client, which ends with the grace period. A
// device that comes again is given the same.
func (g *graceSigner) token(x *exchange, grace policy.Grace) ([]byte, error) {
	major, minor := x.setup.profile.Edition.Version()
	return token.Sign(token.License{
		Kind:       token.Temporary,
		LicenseID:  fmt.Sprintf("GRACE-%s-%s", g.host, x.hardware),
		HardwareID: x.hardware,
		Product:    productName,
		Version:    token.Version{Major: major, Minor: minor},
		Machine:    x.machine,
		User:       x.conn.Info().User,
		Issued:     grace.Start,
		Expires:    grace.End,
		Issuer:     g.host,
	}, &g.signer)
}
