package licensing

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/tslab/tslab/internal/cursor"
)

// ErrChallenge is wrapped by the error about a response that does not answer the
// challenge that was sent.
var ErrChallenge = errors.New("the response does not end with the challenge")

// ResponseForm is one of the three forms in which real clients send their answer.
type ResponseForm uint8

// The forms. All are accepted: what proves the client is the MAC, and that the
// plain text ends with the challenge.
const (
	FormSpecified ResponseForm = iota // MS-RDPELE 2.2.2.5.1: FreeRDP, Microsoft's clients
	FormEcho                          // the challenge and nothing else: rdesktop 1.9.0
	FormPadded                        // as specified, behind 8 zero bytes: IronRDP
)

func (f ResponseForm) String() string {
	switch f {
	case FormSpecified:
		return "as specified"
	case FormEcho:
		return "echo"
	case FormPadded:
		return "padded"
	}
	return fmt.Sprintf("response form %d", uint8(f))
}

// ClientType is the wClientType of a response.
type ClientType uint16

// The client types.
const (
	ClientWin32 ClientType = 0x0100
	ClientWin16 ClientType = 0x0200
	ClientWinCE ClientType = 0x0300
	ClientOther ClientType = 0xFF00
)

// The wLicenseDetailLevel values: how much of its chain a client sends along.
const (
	DetailSimple   uint16 = 1 // license and license server
	DetailModerate uint16 = 2 // up to the license server's issuer
	DetailFull     uint16 = 3 // up to the root
)

const (
	responseVersion = 0x0100
	responsePadding = 8
)

// ResponseData is a client's answer to a challenge, MS-RDPELE 2.2.2.5.1
// (PLATFORM_CHALLENGE_RESPONSE_DATA). The echo form has the challenge alone.
type ResponseData struct {
	Form       ResponseForm
	ClientType ClientType
	Detail     uint16
	Challenge  []byte
}

// AppendResponseData writes d in its form.
func AppendResponseData(b []byte, d ResponseData) []byte {
	w := cursor.NewWriter(b)
	if d.Form == FormEcho {
		w.Append(d.Challenge)
		return w.Bytes()
	}
	if d.Form == FormPadded {
		w.Zero(responsePadding)
	}
	w.U16(responseVersion)
	w.U16(uint16(d.ClientType))
	w.U16(d.Detail)
	w.U16(uint16(len(d.Challenge)))
	w.Append(d.Challenge)
	return w.Bytes()
}

// ParseResponseData reads the answer to challenge. A plain text that ends with the
// challenge and has neither specified form counts as an echo.
func ParseResponseData(b, challenge []byte) (ResponseData, error) {
	if !bytes.HasSuffix(b, challenge) {
		return ResponseData{}, fmt.Errorf("%v: %w: %d bytes answer a challenge of %d",
			TypePlatformChallengeResponse, ErrChallenge, len(b), len(challenge))
	}
	if d, ok := parseSpecified(b, FormSpecified, challenge); ok {
		return d, nil
	}
	if len(b) >= responsePadding && bytes.Equal(b[:responsePadding], make([]byte, responsePadding)) {
		if d, ok := parseSpecified(b[responsePadding:], FormPadded, challenge); ok {
			return d, nil
		}
	}
	return ResponseData{Form: FormEcho, Challenge: b[len(b)-len(challenge):]}, nil
}

func parseSpecified(b []byte, form ResponseForm, challenge []byte) (ResponseData, bool) {
	r := cursor.NewReader(b)
	r.Skip("wVersion", 2)
	d := ResponseData{Form: form, ClientType: ClientType(r.U16("wClientType")), Detail: r.U16("wLicenseDetailLevel")}
	d.Challenge = r.Bytes("pbChallenge", int(r.U16("cbChallenge")))
	return d, r.End() == nil && bytes.Equal(d.Challenge, challenge)
}
