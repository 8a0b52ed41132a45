package licensing

import (
	"slices"

	"github.com/tslab/tslab/internal/cursor"
	"github.com/tslab/tslab/wire/hwid"
)

// PlatformChallengeResponse is the Client Platform Challenge Response, MS-RDPELE
// 2.2.2.5.
type PlatformChallengeResponse struct {
	EncryptedResponse []byte
	EncryptedHWID     []byte
	MAC               [macSize]byte // over the plain response and the plain hardware id, joined
}

// Type is TypePlatformChallengeResponse.
func (*PlatformChallengeResponse) Type() Type { return TypePlatformChallengeResponse }

// SealResponse makes the message that carries the response data, in whichever
// form, and the client's hardware id.
func SealResponse(k Keys, data []byte, id hwid.ID) *PlatformChallengeResponse {
	return &PlatformChallengeResponse{
		EncryptedResponse: k.Encrypt(data),
		EncryptedHWID:     k.Encrypt(id[:]),
		MAC:               k.MAC(slices.Concat(data, id[:])),
	}
}

// Open is the client's answer to challenge, and the hardware id that it shows. The
// error is ErrMAC when they are not sealed with these keys, and ErrChallenge when
// the answer is to something else.
func (m *PlatformChallengeResponse) Open(k Keys, challenge []byte) (ResponseData, hwid.ID, error) {
	data, plainID := k.Encrypt(m.EncryptedResponse), k.Encrypt(m.EncryptedHWID)
	if !macEqual(k.MAC(slices.Concat(data, plainID)), m.MAC) {
		return ResponseData{}, hwid.ID{}, macError(m.Type())
	}
	id, err := parseHWID(m.Type(), plainID)
	if err != nil {
		return ResponseData{}, hwid.ID{}, err
	}
	response, err := ParseResponseData(data, challenge)
	return response, id, err
}

func (m *PlatformChallengeResponse) append(w *cursor.Writer) {
	appendBlob(w, blobEncryptedData, m.EncryptedResponse)
	appendBlob(w, blobEncryptedData, m.EncryptedHWID)
	w.Append(m.MAC[:])
}

func (m *PlatformChallengeResponse) parse(r *cursor.Reader) {
	m.EncryptedResponse = parseBlob(r, "EncryptedPlatformChallengeResponse")
	m.EncryptedHWID = parseBlob(r, "EncryptedHWID")
	r.Copy("MACData", m.MAC[:])
}
