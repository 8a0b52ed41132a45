package token

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"

	"github.com/tslab/tslab/wire/hwid"
)

// Every object identifier of the lab's tokens stands here: 1.3.6.1.4.1.32473, the
// enterprise number that RFC 5612 reserves for documentation, then 1 for this
// project, 1 for license tokens, and the field. None is Microsoft's, so that no
// Microsoft component takes a token for one of its own. No extension is critical,
// so that general tools verify the chain.
const (
	fieldKind       = 1 // INTEGER
	fieldLicenseID  = 2 // UTF8String
	fieldKeyPackID  = 3 // UTF8String, absent when empty
	fieldHardwareID = 4 // OCTET STRING of 20 bytes, as on the wire
	fieldProduct    = 5 // UTF8String
	fieldVersion    = 6 // SEQUENCE { major INTEGER, minor INTEGER }
	fieldMachine    = 7 // UTF8String
	fieldUser       = 8 // UTF8String, absent when empty
	fieldIssuer     = 9 // UTF8String
)

func arc(n ...int) asn1.ObjectIdentifier {
	return append(asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 32473, 1, 1}, n...)
}

type asn1Version struct{ Major, Minor int }

// fields are the license's extensions, RFC 5280 4.1: in the order of their numbers.
func (l *License) fields() []byte {
	var all []byte
	add := func(field int, value []byte) {
		all = append(all, tlv(tagSequence, derOID(oidArc, byte(field)), tlv(tagOctets, value))...)
	}
	text := func(field int, value string) {
		if value != "" {
			add(field, derText(value))
		}
	}
	add(fieldKind, derUint(uint16(l.Kind)))
	text(fieldLicenseID, l.LicenseID)
	text(fieldKeyPackID, l.KeyPackID)
	add(fieldHardwareID, tlv(tagOctets, l.HardwareID[:]))
	text(fieldProduct, l.Product)
	add(fieldVersion, tlv(tagSequence, derUint(l.Version.Major), derUint(l.Version.Minor)))
	text(fieldMachine, l.Machine)
	text(fieldUser, l.User)
	text(fieldIssuer, l.Issuer)
	return all
}

// setField takes one extension of our arc; others are not our business.
func (l *License) setField(e pkix.Extension) error {
	prefix := arc()
	if len(e.Id) != len(prefix)+1 || !e.Id[:len(prefix)].Equal(prefix) {
		return nil
	}
	switch e.Id[len(prefix)] {
	case fieldKind:
		var kind int
		if err := unmarshal(e.Value, &kind, ""); err != nil {
			return fmt.Errorf("kind: %w", err)
		}
		if kind < int(Temporary) || kind > int(InternetConnector) {
			return fmt.Errorf("kind %d is none", kind)
		}
		l.Kind = Kind(kind)
	case fieldHardwareID:
		var id []byte
		if err := unmarshal(e.Value, &id, ""); err != nil {
			return fmt.Errorf("hardware id: %w", err)
		}
		if len(id) != hwid.Size {
			return fmt.Errorf("hardware id of %d bytes", len(id))
		}
		l.HardwareID = hwid.ID(id)
	case fieldVersion:
		var v asn1Version
		if err := unmarshal(e.Value, &v, ""); err != nil {
			return fmt.Errorf("version: %w", err)
		}
		if v.Major != int(uint16(v.Major)) || v.Minor != int(uint16(v.Minor)) {
			return fmt.Errorf("version %d.%d is out of range", v.Major, v.Minor)
		}
		l.Version = Version{uint16(v.Major), uint16(v.Minor)}
	default:
		return l.setText(e)
	}
	return nil
}

func (l *License) setText(e pkix.Extension) error {
	var target *string
	switch field := e.Id[len(e.Id)-1]; field {
	case fieldLicenseID:
		target = &l.LicenseID
	case fieldKeyPackID:
		target = &l.KeyPackID
	case fieldProduct:
		target = &l.Product
	case fieldMachine:
		target = &l.Machine
	case fieldUser:
		target = &l.User
	case fieldIssuer:
		target = &l.Issuer
	default:
		return fmt.Errorf("field %d is unknown", field)
	}
	if err := unmarshal(e.Value, target, "utf8"); err != nil {
		return fmt.Errorf("%v: %w", e.Id, err)
	}
	return nil
}

func unmarshal(der []byte, value any, params string) error {
	rest, err := asn1.UnmarshalWithParams(der, value, params)
	if err == nil && len(rest) > 0 {
		err = errors.New("trailing bytes")
	}
	return err
}
