package keypack

import (
	"encoding/binary"
	"fmt"

	"github.com/tslab/tslab/wire/codes"
	"github.com/tslab/tslab/wire/token"
)

// NewNumbers makes the numbers that a new purchase goes by, of 32 random bytes: what a
// reseller prints on the License Addendum or the agreement (white paper, License
// Purchase).
func (p Program) NewNumbers(kind token.Kind, product Product, count uint32, random [32]byte) ([]string, error) {
	if !p.Sells(kind) {
		return nil, Fault("program", "sell them under Open License, Select or Enterprise", "%s sells no %v licenses", p, kind)
	}
	if err := CheckVersion(kind, product.Version); err != nil {
		return nil, Fault("product", "choose another product or kind", "%v", err)
	}
	if count == 0 || count > codes.MaxCount {
		return nil, Fault("count", "sell them in parts", "%d is none of 1 to %d", count, codes.MaxCount)
	}
	chance := binary.BigEndian.Uint64(random[:8]) >> 1
	switch p {
	case LicenseCode:
		code, err := codes.NewLicenseCode(codes.Bought{Kind: uint8(kind), Product: product.Number(), Count: count}, random)
		return []string{code}, err
	case OpenLicense:
		return []string{codes.OpenLicenseNumber().Make(chance), codes.NewAuthorization(random)}, nil
	case Select, Enterprise:
		return []string{codes.EnrollmentNumber().Make(chance)}, nil
	case Campus, School, Other:
		return []string{codes.AgreementNumber().Make(chance)}, nil
	}
	return nil, fmt.Errorf("there is no licensing program %q", p)
}
