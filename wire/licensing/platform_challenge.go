package licensing

import "github.com/tslab/tslab/internal/cursor"

// ChallengeSize is the length of a challenge that every client takes: rdesktop
// 1.9.0 crashes on any other.
const ChallengeSize = 10

// PlatformChallenge is the Server Platform Challenge, MS-RDPELE 2.2.2.4.
type PlatformChallenge struct {
	ConnectFlags       uint32 // reserved
	EncryptedChallenge []byte
	MAC                [macSize]byte // over the plain challenge
}

// Type is TypePlatformChallenge.
func (*PlatformChallenge) Type() Type { return TypePlatformChallenge }

// SealChallenge makes the message that carries challenge.
func SealChallenge(k Keys, challenge []byte) *PlatformChallenge {
	return &PlatformChallenge{EncryptedChallenge: k.Encrypt(challenge), MAC: k.MAC(challenge)}
}

// Open is the challenge. The error is ErrMAC when it is not sealed with these keys.
func (m *PlatformChallenge) Open(k Keys) ([]byte, error) {
	plain := k.Encrypt(m.EncryptedChallenge)
	if !macEqual(k.MAC(plain), m.MAC) {
		return nil, macError(m.Type())
	}
	return plain, nil
}

func (m *PlatformChallenge) append(w *cursor.Writer) {
	w.U32(m.ConnectFlags)
	appendBlob(w, blobEncryptedData, m.EncryptedChallenge)
	w.Append(m.MAC[:])
}

func (m *PlatformChallenge) parse(r *cursor.Reader) {
	m.ConnectFlags = r.U32("ConnectFlags")
	m.EncryptedChallenge = parseBlob(r, "EncryptedPlatformChallenge")
	r.Copy("MACData", m.MAC[:])
}
