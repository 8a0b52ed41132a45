package licensing

import "github.com/tslab/tslab/internal/cursor"

// ClientKeys is how both first messages of a client begin: what it is, and its
// half of the keys.
type ClientKeys struct {
	KeyExchange        uint32 // PreferredKeyExchangeAlg: KeyExchangeRSA
	PlatformID         uint32
	ClientRandom       [randomSize]byte
	EncryptedPremaster []byte // little-endian, 8 zero bytes behind it
}

func (k *ClientKeys) append(w *cursor.Writer) {
	w.U32(k.KeyExchange)
	w.U32(k.PlatformID)
	w.Append(k.ClientRandom[:])
	appendBlob(w, blobRandom, k.EncryptedPremaster)
}

func (k *ClientKeys) parse(r *cursor.Reader) {
	k.KeyExchange = r.U32("PreferredKeyExchangeAlg")
	k.PlatformID = r.U32("PlatformId")
	r.Copy("ClientRandom", k.ClientRandom[:])
	k.EncryptedPremaster = parseBlob(r, "EncryptedPreMasterSecret")
}

// NewLicenseRequest is the Client New License Request, MS-RDPELE 2.2.2.2: a client
// that has no license for what the server asked for.
type NewLicenseRequest struct {
	ClientKeys
	User    string
	Machine string
}

// Type is TypeNewLicenseRequest.
func (*NewLicenseRequest) Type() Type { return TypeNewLicenseRequest }

func (m *NewLicenseRequest) append(w *cursor.Writer) {
	m.ClientKeys.append(w)
	appendTextBlob(w, blobClientUser, m.User)
	appendTextBlob(w, blobClientMachine, m.Machine)
}

func (m *NewLicenseRequest) parse(r *cursor.Reader) {
	m.ClientKeys.parse(r)
	m.User = parseTextBlob(r, "ClientUserName")
	m.Machine = parseTextBlob(r, "ClientMachineName")
}
