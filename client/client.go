// Package client is the device: a persona of Windows or Macintosh with a license
// store, that connects to a terminal server, goes through its licensing phase and
// logs on.
//
// [Connect] returns a logged-on [Session], or an error that says which part failed:
// [*UnreachableError], [*RefusedError] or [*LogonError].
package client

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"time"

	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/internal/rdpconn"
	"github.com/tslab/tslab/wire/hwid"
	"github.com/tslab/tslab/wire/rdp"
	"github.com/tslab/tslab/wire/rdpsec"
)

// Config is a device and where it connects to.
type Config struct {
	Server  string // HOST or HOST:PORT
	Persona Persona
	Store   Store

	Name                   string  // of the device
	HardwareID             hwid.ID // zero for the store's, or a new one
	User, Password, Domain string

	// What some devices cannot: keep a license that they are given, keep their
	// hardware id from one connection to the next, keep their name. A new hardware id
	// leaves the licenses of the old one behind.
	NoStore, FreshID, FreshName bool

	Security   rdpconn.Protocols // Both: standard RDP security, and TLS where the server insists
	Encryption []rdpsec.Method   // nil for 40, 56 and 128

	EncryptLicensing bool // under RDP security: encrypt licensing messages, as FreeRDP does
	SaltedMAC        bool // under RDP security: send salted signatures, as FreeRDP does
	SlowPath         bool // neither take nor use the fast path

	Desktop rdp.Desktop // zero for 800 by 600 of 16 bits

	Log    *eventlog.Log // may be nil
	KeyLog io.Writer     // TLS secrets for Wireshark; may be nil
	Rand   io.Reader     // premaster and client random; nil is crypto/rand

	// Timeouts of elapsed time; 0 takes the defaults below.
	DialTimeout  time.Duration
	StepTimeout  time.Duration
	LogonTimeout time.Duration

	Transcript func(rdpconn.Record) // told of every PDU; may be nil

	// Dial connects to the server; nil is TCP.
	Dial func(ctx context.Context, addr string) (net.Conn, error)
}

// The default timeouts. A licensing message may take as long as the terminal
// server searches for a license server.
const (
	DefaultDialTimeout  = 10 * time.Second
	DefaultStepTimeout  = 60 * time.Second
	DefaultLogonTimeout = 30 * time.Second
)

// DefaultPort is that of the Remote Desktop Protocol.
const DefaultPort = "3389"

func (c *Config) tls() *tls.Config {
	return &tls.Config{
		InsecureSkipVerify: true, // clients of that age take any certificate
		KeyLogWriter:       c.KeyLog,
		MinVersion:         tls.VersionTLS10,
	}
}
