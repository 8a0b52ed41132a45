//go:build linux

package capture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tslab/tslab/wire/hwid"
	"github.com/tslab/tslab/wire/licensing"
	"github.com/tslab/tslab/wire/token"
	"github.com/tslab/tslab/wire/tsls"
)

// hidden is what stands for content whose key is not known.
const hidden = "sealed with a key that is in no key log"

// describe says in plain words what a licensing message says.
func (p *licensePhase) describe(m licensing.Message) string {
	switch m := m.(type) {
	case *licensing.LicenseRequest:
		return fmt.Sprintf("which license do you have for %s %d.%d of %s? Scope %s; server certificate of %d bytes",
			m.Product.Product, m.Product.Version>>16, m.Product.Version&0xffff, m.Product.Company, strings.Join(m.Scopes, ", "), len(m.ServerCertificate))
	case *licensing.NewLicenseRequest:
		return fmt.Sprintf("none. Device %s, user %s, platform %v", named(m.Machine), named(m.User), licensing.Platform(m.PlatformID))
	case *licensing.LicenseInfo:
		return p.shown(m)
	case *licensing.PlatformChallenge:
		if p.keys == nil {
			return hidden
		}
		challenge, err := m.Open(p.keys)
		return orError(err, "prove your hardware id; challenge of %d bytes", len(challenge))
	case *licensing.PlatformChallengeResponse:
		return p.response(m)
	case *licensing.NewLicense:
		return p.license(&m.SealedLicense)
	case *licensing.UpgradeLicense:
		return p.license(&m.SealedLicense)
	case *licensing.ErrorAlert:
		if m.IsValidClient() {
			return "no license needed: " + m.Error()
		}
		return m.Error()
	}
	return ""
}

func (p *licensePhase) shown(m *licensing.LicenseInfo) string {
	text := "this one: " + describeToken(m.License)
	if p.keys == nil {
		return text + "; hardware id " + hidden
	}
	id, err := m.Open(p.keys)
	switch {
	case err != nil:
		return text + "; hardware id: " + err.Error()
	case !strings.HasSuffix(text, id.String()):
		return fmt.Sprintf("%s; shown by hwid %v", text, id)
	}
	return text
}

// response opens an answer whose challenge is not known: the keys open it all the same.
func (p *licensePhase) response(m *licensing.PlatformChallengeResponse) string {
	if p.keys == nil {
		return hidden
	}
	data, id := p.keys.Encrypt(m.EncryptedResponse), p.keys.Encrypt(m.EncryptedHWID)
	if len(id) != hwid.Size {
		return fmt.Sprintf("a hardware id of %d bytes", len(id))
	}
	sum := p.keys.MAC(append(append([]byte(nil), data...), id...))
	if sum != m.MAC {
		return fmt.Sprintf("hwid %v, but its MACData is wrong", hwid.ID(id))
	}
	form := "the challenge alone"
	if r, err := licensing.ParseResponseData(data, specifiedChallenge(data)); err == nil && r.Form != licensing.FormEcho {
		form = fmt.Sprintf("client type %#04x", uint16(r.ClientType))
	}
	return fmt.Sprintf("hwid %v, %s", hwid.ID(id), form)
}

// specifiedChallenge is the challenge in a response of the specified form.
func specifiedChallenge(data []byte) []byte {
	const header = 8 // version, client type, detail level, length
	if len(data) >= header && int(binary.LittleEndian.Uint16(data[6:])) == len(data)-header {
		return data[header:]
	}
	return data
}

func (p *licensePhase) license(m *licensing.SealedLicense) string {
	if p.keys == nil {
		return hidden
	}
	info, err := m.Open(p.keys)
	if err != nil {
		return err.Error()
	}
	return describeToken(info.License)
}

// describeToken says what a license is.
func describeToken(blob []byte) string {
	t, err := token.Parse(blob)
	var foreign *token.ForeignError
	switch {
	case errors.As(err, &foreign):
		return fmt.Sprintf("somebody else's license of %d bytes", len(blob))
	case err != nil:
		return err.Error()
	}
	return fmt.Sprintf("%v, %s, %s of %s, hwid %v", t.Kind, lifetime(t.Issued, t.Expires), t.LicenseID, named(t.Issuer), t.HardwareID)
}

func lifetime(from, to time.Time) string {
	if to.IsZero() {
		return "for ever"
	}
	return fmt.Sprintf("%d days to %s", int(to.Sub(from).Hours()/24), to.Format("2006-01-02 15:04"))
}

func orError(err error, format string, args ...any) string {
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf(format, args...)
}

func named(s string) string {
	if s == "" {
		return "(no name)"
	}
	return s
}

// tslsReader reads the license server protocol.
type tslsReader struct {
	analysis     *analysis
	conversation *conversation
	buf          [2][]byte
}

const tslsHeader = 4 + 4 // length, request id

func (r *tslsReader) data(direction int, b []byte, at origin) {
	r.buf[direction] = append(r.buf[direction], b...)
	for {
		b := r.buf[direction]
		if len(b) < tslsHeader {
			return
		}
		n := binary.LittleEndian.Uint32(b)
		if n > tsls.MaxMessage || len(b) < tslsHeader+int(n) {
			return
		}
		m := Message{Protocol: "tsls", Security: "TLS", Name: "broken"}
		if parsed, err := tsls.Parse(b[tslsHeader : tslsHeader+n]); err != nil {
			m.Text = "a broken message to a license server: " + err.Error()
		} else {
			m.Name, m.body = parsed.Type().String(), parsed
			m.Text = strings.TrimSuffix(m.Name+": "+describeTSLS(parsed), ": ")
		}
		r.analysis.found(r.conversation, direction, at, m)
		r.buf[direction] = b[tslsHeader+n:]
	}
}

// announced are the features that an end says it has.
func announced(f tsls.Features) string {
	if f == 0 {
		return "no features"
	}
	return "features " + f.String()
}

// describeTSLS says in plain words what a message to or from a license server says.
func describeTSLS(m tsls.Message) string {
	switch m := m.(type) {
	case tsls.Hello:
		return fmt.Sprintf("%s on %s, version %d, %s", m.Program, named(m.Name), m.Version, announced(m.Features))
	case tsls.ServerInfo:
		if !m.Activated {
			return fmt.Sprintf("%s, not activated, %s", named(m.Name), announced(m.Features))
		}
		return fmt.Sprintf("%s, activated as %s, %s", named(m.Name), m.ServerID, announced(m.Features))
	case tsls.Allocate:
		text := fmt.Sprintf("a %v for %s, which showed %v, hwid %v", m.Request, named(m.Machine), m.Presented, m.HardwareID)
		switch {
		case m.Final:
			text += ", for good, as these have none: " + strings.Join(m.Failed, ", ")
		case m.Hops > 0:
			text += fmt.Sprintf(", referral %d", m.Hops)
		}
		return text
	case tsls.Allocated:
		text := m.Answer.String()
		if len(m.License) > 0 {
			text += ": " + describeToken(m.License)
		}
		if m.Reason != "" {
			text += " (" + m.Reason + ")"
		}
		return text
	case tsls.Mark:
		return fmt.Sprintf("%s of %s has been used by %s", m.LicenseID, named(m.Machine), named(m.User))
	case tsls.Return:
		return m.LicenseID
	case tsls.Inquire:
		return "has " + m.LicenseID + " been used?"
	case tsls.Inquired:
		return map[bool]string{true: "it has", false: "it has not"}[m.Validated]
	case tsls.Close:
		return fmt.Sprintf("%s has got %s of %s", named(m.Machine), m.LicenseID, named(m.Server))
	case tsls.Error:
		return fmt.Sprintf("%v: %s", m.Code, m.Text)
	}
	return ""
}
