package licensing

import (
	"fmt"

	"github.com/tslab/tslab/internal/cursor"
)

// NewLicenseInfo is the plain text of a NewLicense or an UpgradeLicense, MS-RDPELE
// 2.2.2.6.1 (NEW_LICENSE_INFO). Scope, company and product are what the client
// files the license under.
type NewLicenseInfo struct {
	Version uint32 // as ProductInfo.Version
	Scope   string
	Company string
	Product string
	License []byte // opaque to clients: wire/token
}

// AppendNewLicenseInfo writes info.
func AppendNewLicenseInfo(b []byte, info NewLicenseInfo) []byte {
	w := cursor.NewWriter(b)
	w.U32(info.Version)
	scope := appendANSI(nil, info.Scope)
	w.U32(uint32(len(scope)))
	w.Append(scope)
	appendUnicode(w, info.Company)
	appendUnicode(w, info.Product)
	w.U32(uint32(len(info.License)))
	w.Append(info.License)
	return w.Bytes()
}

// ParseNewLicenseInfo reads what AppendNewLicenseInfo wrote; bytes behind it are an
// error. License aliases b.
func ParseNewLicenseInfo(b []byte) (NewLicenseInfo, error) {
	r := cursor.NewReader(b)
	info := NewLicenseInfo{Version: r.U32("dwVersion")}
	info.Scope = parseANSI(parseCounted(r, "pbScope"))
	info.Company = parseUnicode(r, "pbCompanyName")
	info.Product = parseUnicode(r, "pbProductId")
	info.License = parseCounted(r, "pbLicenseInfo")
	if err := r.End(); err != nil {
		return NewLicenseInfo{}, fmt.Errorf("NEW_LICENSE_INFO: %w", err)
	}
	return info, nil
}
