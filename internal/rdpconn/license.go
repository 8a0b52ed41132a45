package rdpconn

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/tslab/tslab/internal/tamper"
	"github.com/tslab/tslab/wire/licensing"
	"github.com/tslab/tslab/wire/rdp"
)

// preambleLen is what of a licensing message the faults of a lab do not damage.
const preambleLen = 4

// tampered is what goes on in place of a licensing message, by the faults of a lab.
func (c *Conn) tampered(way tamper.Way, message []byte) [][]byte {
	if c.server == nil || len(message) == 0 {
		return [][]byte{message}
	}
	name := func() string { return licensing.Type(message[0]).String() }
	return c.server.Tamper.Pass(way, name, message, preambleLen)
}

// ReadLicense reads one licensing message, preamble and all, without its security
// header.
func (c *Conn) ReadLicense() ([]byte, error) {
	for len(c.licenses) == 0 {
		message, err := c.readLicense()
		if err != nil {
			return nil, err
		}
		c.licenses = c.tampered(tamper.Received, message)
	}
	next := c.licenses[0]
	c.licenses = c.licenses[1:]
	return next, nil
}

func (c *Conn) readLicense() ([]byte, error) {
	c.begin(StepLicense)
	in, err := c.next(true)
	if err != nil {
		return nil, err
	}
	if in.header.Flags&rdp.SecLicense == 0 {
		return nil, c.bad(fmt.Errorf("security header %#04x, want a licensing message", in.header.Flags))
	}
	if len(in.data) == 0 {
		return nil, c.bad(errors.New("licensing message of no bytes"))
	}
	c.record(Record{Direction: Received, Step: c.step, PDU: "licensing", Security: in.header.Flags, Sealed: in.sealed,
		License: in.data[0], Data: in.data})
	return bytes.Clone(in.data), nil
}

// WriteLicense writes one licensing message, preamble and all. Under RDP security
// it is encrypted if the configuration says so.
func (c *Conn) WriteLicense(body []byte) error {
	encrypt := c.server != nil && c.server.EncryptLicensing || c.client != nil && c.client.EncryptLicensing
	flags := rdp.SecLicense
	if c.server != nil && c.send != nil {
		flags |= rdp.SecLicenseEncrypt // "I can take encrypted licensing"
	}
	for _, body := range c.tampered(tamper.Sent, body) {
		err := c.writeData(outbound{step: StepLicense, name: "licensing", flags: flags, basic: true, plain: !encrypt, data: body})
		if err != nil {
			return err
		}
	}
	return nil
}
