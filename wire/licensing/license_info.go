package licensing

import (
	"github.com/tslab/tslab/internal/cursor"
	"github.com/tslab/tslab/wire/hwid"
)

// LicenseInfo is the Client License Information, MS-RDPELE 2.2.2.3: a client that
// shows the license it stored.
type LicenseInfo struct {
	ClientKeys
	License       []byte // what NewLicenseInfo.License brought once, byte for byte
	EncryptedHWID []byte
	MAC           [macSize]byte // over the plain hardware id
}

// Type is TypeLicenseInfo.
func (*LicenseInfo) Type() Type { return TypeLicenseInfo }

// Seal fills EncryptedHWID and MAC.
func (m *LicenseInfo) Seal(k Keys, id hwid.ID) {
	m.EncryptedHWID = k.Encrypt(id[:])
	m.MAC = k.MAC(id[:])
}

// Open is the hardware id that the client shows. The error is ErrMAC when it is
// not sealed with these keys.
func (m *LicenseInfo) Open(k Keys) (hwid.ID, error) {
	plain := k.Encrypt(m.EncryptedHWID)
	if !macEqual(k.MAC(plain), m.MAC) {
		return hwid.ID{}, macError(m.Type())
	}
	return parseHWID(m.Type(), plain)
}

func (m *LicenseInfo) append(w *cursor.Writer) {
	m.ClientKeys.append(w)
	appendBlob(w, blobData, m.License)
	appendBlob(w, blobEncryptedData, m.EncryptedHWID)
	w.Append(m.MAC[:])
}

func (m *LicenseInfo) parse(r *cursor.Reader) {
	m.ClientKeys.parse(r)
	m.License = parseBlob(r, "LicenseInfo")
	m.EncryptedHWID = parseBlob(r, "EncryptedHWID")
	r.Copy("MACData", m.MAC[:])
}
