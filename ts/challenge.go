package ts

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"

	"github.com/tslab/tslab/ts/policy"
	"github.com/tslab/tslab/wire/hwid"
	"github.com/tslab/tslab/wire/licensing"
	"github.com/tslab/tslab/wire/rdpsec"
	"github.com/tslab/tslab/wire/token"
)

// receive reads what the client has. A client with nothing names no hardware id
// before it is challenged, so that is done at once; challenged says so.
func (x *exchange) receive() (challenged bool, err error) {
	m, err := x.read()
	if err != nil {
		return false, err
	}
	switch m := m.(type) {
	case *licensing.NewLicenseRequest:
		if err := x.derive(m.ClientKeys); err != nil {
			return false, err
		}
		if m.Machine != "" {
			x.machine = m.Machine
		}
		return true, x.challenge()
	case *licensing.LicenseInfo:
		if err := x.derive(m.ClientKeys); err != nil {
			return false, err
		}
		if x.hardware, err = m.Open(x.keys); err != nil {
			return false, sealError(err)
		}
		x.present(m.License)
		return false, nil
	}
	return false, fmt.Errorf("unreachable: the order of messages allows %v", m.Type())
}

// derive makes the keys of the phase from the client's half of them.
func (x *exchange) derive(c licensing.ClientKeys) error {
	x.platform = c.PlatformID
	premaster, err := x.server.key.Decrypt(c.EncryptedPremaster, rdpsec.PremasterSize)
	if err == nil {
		x.keys, err = rdpsec.NewLicenseKeys(premaster, c.ClientRandom[:], x.random[:])
	}
	if err != nil {
		return &refusal{alert: licensing.InvalidClient, errorInfo: errInfoBadEncrypted, cause: fmt.Errorf("premaster secret: %w", err)}
	}
	if w := x.server.config.KeyLog; w != nil { // a full disk ends no connection
		_, _ = fmt.Fprintf(w, "RDP_LICENSE_KEYS %x %x %x\n", x.random, x.keys.MACSalt, x.keys.Key)
	}
	return nil
}

// present reads the token that the client shows.
func (x *exchange) present(blob []byte) {
	e := policy.Evidence{Presented: len(blob) > 0, HardwareID: x.hardware}
	if e.Presented {
		t, err := token.Parse(blob)
		if err != nil {
			e.Err = err
		} else {
			e.License = t.License
			e.Own = x.server.graceSigner.made(t.Server())
			e.Err = t.Verify(x.server.config.Clock.Now(), x.server.known.trustedRoots(), func([]byte) bool { return e.Own })
			e.Rooted = e.Err == nil && !e.Own
			var at []string
			e.KnownSigner, at = x.server.known.signer(t.Server())
			e.InCatalog = slices.ContainsFunc(at, x.server.catalog.finder.Knows)
		}
	}
	x.evidence = e
}

// challenge is PLATFORM_CHALLENGE and its response, MS-RDPELE 2.2.2.4 and 2.2.2.5.
// Every client is challenged before it is sent a license: one that has shown an
// old license takes no new one otherwise.
func (x *exchange) challenge() error {
	var challenge [licensing.ChallengeSize]byte
	rand.Read(challenge[:])
	if err := x.write(licensing.SealChallenge(x.keys, challenge[:])); err != nil {
		return err
	}
	m, err := x.read()
	if err != nil {
		return err
	}
	response, ok := m.(*licensing.PlatformChallengeResponse)
	if !ok {
		return fmt.Errorf("unreachable: the order of messages allows %v", m.Type())
	}
	_, id, err := response.Open(x.keys, challenge[:])
	switch {
	case err != nil:
		return sealError(err)
	case x.hardware != hwid.ID{} && id != x.hardware:
		return &refusal{alert: licensing.InvalidClient, errorInfo: errInfoBadMessage, cause: fmt.Errorf("client named hardware id %v and then %v", x.hardware, id)}
	}
	x.hardware, x.evidence.HardwareID = id, id
	return nil
}

func sealError(err error) error {
	if errors.Is(err, licensing.ErrMAC) {
		return &refusal{alert: licensing.InvalidMAC, errorInfo: errInfoBadEncrypted, cause: err}
	}
	return &refusal{alert: licensing.InvalidClient, errorInfo: errInfoBadMessage, cause: err}
}
