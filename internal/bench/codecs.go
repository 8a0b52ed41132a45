package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/tslab/tslab/wire/hwid"
	"github.com/tslab/tslab/wire/licensing"
	"github.com/tslab/tslab/wire/rdp"
	"github.com/tslab/tslab/wire/rdpsec"
	"github.com/tslab/tslab/wire/tsls"
)

// message is a message of the usual size, and its codec.
type message struct {
	name   string
	encode func(b []byte) []byte
	parse  func(b []byte) error
}

// codecs measures what it takes to write and to read each message: nanoseconds and
// allocations. Writing goes into a buffer that is there.
func codecs(ctx context.Context, _ string, span time.Duration, print func(figure)) error {
	all, err := messages()
	if err != nil {
		return err
	}
	for _, m := range all {
		buffer := m.encode(nil)
		sample := bytes.Clone(buffer)
		if err := m.parse(sample); err != nil {
			return fmt.Errorf("codec of %s: %w", m.name, err)
		}
		line := func(what string, f func()) {
			name := m.name + ", " + what
			print(figure{name, nanoseconds(span/100, f), "ns"})
			print(figure{name + ", allocations", testing.AllocsPerRun(100, f), "each"})
		}
		line("write", func() { buffer = m.encode(buffer[:0]) })
		line("read", func() { m.parse(sample) })
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// nanoseconds is how long f takes, measured for at least span.
func nanoseconds(span time.Duration, f func()) float64 {
	for n := 1; ; n *= 2 {
		begin := time.Now()
		for range n {
			f()
		}
		if elapsed := time.Since(begin); elapsed >= span {
			return float64(elapsed.Nanoseconds()) / float64(n)
		}
	}
}

// messages are every licensing message, those of the license server protocol that a
// connection costs, and the parts of RDP that carry them.
func messages() ([]message, error) {
	all, err := licensingMessages()
	if err != nil {
		return nil, err
	}
	request, err1 := lserverMessage("Allocate", tsls.Allocate{
		Request: tsls.RequestCAL, HardwareID: hwid.New(0xFF010000, [16]byte{1}), Machine: "PC-01", User: "lab", Mode: "device", Edition: "w2k-sp3",
	})
	answer, err2 := lserverMessage("Allocated", tsls.Allocated{Answer: tsls.AnswerCALTake, License: make([]byte, licenseSize)})
	mark, err3 := lserverMessage("Mark", tsls.Mark{
		LicenseID: "LAB-T-0000001", HardwareID: hwid.New(0xFF010000, [16]byte{1}), Issuer: "LS1", Machine: "PC-01", User: "lab", Expires: time.Unix(1, 0),
	})
	return append(append(all, request, answer, mark), rdpMessages()...), errors.Join(err1, err2, err3)
}

// licenseSize is about what a license of the lab measures.
const licenseSize = 2000

func licensingMessages() ([]message, error) {
	keys, err := rdpsec.NewLicenseKeys(make([]byte, rdpsec.PremasterSize), make([]byte, 32), make([]byte, 32))
	if err != nil {
		return nil, err
	}
	half := licensing.ClientKeys{KeyExchange: licensing.KeyExchangeRSA, PlatformID: 0xFF010000, EncryptedPremaster: make([]byte, 264)}
	id, challenge := hwid.New(0xFF010000, [16]byte{1}), make([]byte, licensing.ChallengeSize)
	license := make([]byte, licenseSize)
	info := &licensing.LicenseInfo{ClientKeys: half, License: license}
	info.Seal(keys, id)
	sealed := licensing.SealLicense(keys, licensing.NewLicenseInfo{
		Version: 0x00050000, Scope: "tslab.example", Company: "TSLab", Product: "LAB-TS", License: license,
	})
	var all []message
	for _, m := range []licensing.Message{
		&licensing.LicenseRequest{
			Product:     licensing.ProductInfo{Version: 0x00050000, Company: "TSLab", Product: "LAB-TS"},
			KeyExchange: []uint32{licensing.KeyExchangeRSA}, ServerCertificate: make([]byte, 380), Scopes: []string{"tslab.example"},
		},
		&licensing.NewLicenseRequest{ClientKeys: half, User: "lab", Machine: "PC-01"},
		info,
		licensing.SealChallenge(keys, challenge),
		licensing.SealResponse(keys, licensing.AppendResponseData(nil, licensing.ResponseData{Challenge: challenge}), id),
		&licensing.NewLicense{SealedLicense: sealed},
		&licensing.UpgradeLicense{SealedLicense: sealed},
		licensing.ValidClient(),
	} {
		all = append(all, message{
			name:   m.Type().String(),
			encode: func(b []byte) []byte { return licensing.Append(b, m, licensing.Version3) },
			parse: func(b []byte) error {
				_, err := licensing.Parse(b)
				return err
			},
		})
	}
	return all, nil
}

func lserverMessage(name string, m tsls.Message) (message, error) {
	_, err := tsls.Append(nil, m)
	return message{
		name: name,
		encode: func(b []byte) []byte {
			b, _ = tsls.Append(b, m) // it worked before
			return b
		},
		parse: func(b []byte) error {
			_, err := tsls.Parse(b)
			return err
		},
	}, err
}

func rdpMessages() []message {
	data := rdp.MCS{Kind: rdp.MCSSendRequest, Initiator: 1004, Channel: rdp.IOChannel, Data: make([]byte, licenseSize)}
	info := rdp.ClientInfo{Flags: rdp.InfoUnicode, User: "lab", Password: "lab"}
	return []message{
		{"MCS Send Data", data.Append, func(b []byte) error {
			_, err := rdp.ParseMCS(b)
			return err
		}},
		{"Client Info", info.Append, func(b []byte) error {
			_, err := rdp.ParseClientInfo(b)
			return err
		}},
	}
}
