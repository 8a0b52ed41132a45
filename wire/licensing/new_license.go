package licensing

import "github.com/tslab/tslab/internal/cursor"

// NewLicense is the Server New License, MS-RDPELE 2.2.2.7: the license for a
// client that had none.
type NewLicense struct{ SealedLicense }

// Type is TypeNewLicense.
func (*NewLicense) Type() Type { return TypeNewLicense }

// UpgradeLicense is the Server Upgrade License, MS-RDPELE 2.2.2.6: the license
// that takes the place of the one which the client showed.
type UpgradeLicense struct{ SealedLicense }

// Type is TypeUpgradeLicense.
func (*UpgradeLicense) Type() Type { return TypeUpgradeLicense }

// SealedLicense is what NewLicense and UpgradeLicense both are.
type SealedLicense struct {
	EncryptedLicenseInfo []byte
	MAC                  [macSize]byte // over the plain NEW_LICENSE_INFO
}

// SealLicense makes the body of a NewLicense or an UpgradeLicense.
func SealLicense(k Keys, info NewLicenseInfo) SealedLicense {
	plain := AppendNewLicenseInfo(nil, info)
	return SealedLicense{EncryptedLicenseInfo: k.Encrypt(plain), MAC: k.MAC(plain)}
}

// Open is the license. The error is ErrMAC when it is not sealed with these keys.
func (m *SealedLicense) Open(k Keys) (NewLicenseInfo, error) {
	plain := k.Encrypt(m.EncryptedLicenseInfo)
	if !macEqual(k.MAC(plain), m.MAC) {
		return NewLicenseInfo{}, macError(TypeNewLicense)
	}
	return ParseNewLicenseInfo(plain)
}

func (m *SealedLicense) append(w *cursor.Writer) {
	appendBlob(w, blobEncryptedData, m.EncryptedLicenseInfo)
	w.Append(m.MAC[:])
}

func (m *SealedLicense) parse(r *cursor.Reader) {
	m.EncryptedLicenseInfo = parseBlob(r, "EncryptedLicenseInfo")
	r.Copy("MACData", m.MAC[:])
}
