package client

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"

	"github.com/tslab/tslab/internal/crash"
	"github.com/tslab/tslab/internal/cursor"
	"github.com/tslab/tslab/wire/hwid"
	"github.com/tslab/tslab/wire/licensing"
	"github.com/tslab/tslab/wire/rdpsec"
)

// licenseConn is what a licensing phase needs of a connection.
type licenseConn interface {
	ReadLicense() ([]byte, error)
	WriteLicense(body []byte) error
	ServerCertificate() []byte
}

// exchange is the client's licensing phase, MS-RDPELE 3.3. A state is a function
// that returns the next one.
type exchange struct {
	conn    licenseConn
	store   Store
	persona Persona
	id      hwid.ID
	user    string
	machine string
	random  io.Reader
	noStore bool // what it is given is lost

	order    licensing.State
	keys     rdpsec.LicenseKeys
	request  *licensing.LicenseRequest
	last     []byte // for ST_RESEND_LAST_MESSAGE
	result   Licensed
	reason   error // why it was aborted
	received int
}

// phaseState is a state of MS-RDPELE 3.3.1.1.
type phaseState uint8

const (
	awaitState phaseState = iota
	processState
	abortedState
	completedState
)

func (s phaseState) String() string {
	return [...]string{"Await", "Process", "Aborted", "Completed"}[s]
}

// maxMessages bounds a server that starts anew, or wants the last message again,
// without end.
const maxMessages = 32

const licenseFlags = licensing.Version3 | licensing.ExtendedError

var errTooMany = errors.New("the server goes round in circles")

// run goes through the phase. The error is an *licensing.AlertError when an alert
// ended it, in either direction, else that of the connection.
func (x *exchange) run() (Licensed, error) {
	for state := awaitState; ; {
		switch state {
		case awaitState:
			state = x.await()
		case processState:
			state = x.process()
		case abortedState:
			return x.result, x.reason
		case completedState:
			return x.result, nil
		}
	}
}

// await is the Await state: the server's first message decides.
func (x *exchange) await() phaseState {
	m, err := x.read()
	if err != nil {
		return x.abort(err)
	}
	switch m := m.(type) {
	case *licensing.LicenseRequest:
		if err := x.answerRequest(m); err != nil {
			return x.abort(err)
		}
		return processState
	case *licensing.ErrorAlert:
		return x.alert(m, awaitState)
	}
	return x.abort(fmt.Errorf("%v cannot be first", m.Type()))
}

// process is the Process state: challenge, license, or an alert.
func (x *exchange) process() phaseState {
	m, err := x.read()
	if err != nil {
		return x.abort(err)
	}
	switch m := m.(type) {
	case *licensing.PlatformChallenge:
		challenge, err := m.Open(x.keys)
		if err == nil {
			err = x.answerChallenge(challenge)
		}
		if err != nil {
			return x.abort(err)
		}
		return processState
	case *licensing.NewLicense:
		return x.keep(&m.SealedLicense)
	case *licensing.UpgradeLicense:
		return x.keep(&m.SealedLicense)
	case *licensing.ErrorAlert:
		return x.alert(m, processState)
	}
	return x.abort(fmt.Errorf("%v is no message for a client", m.Type()))
}

// alert follows the server's ERROR_ALERT. That the client is valid it may say at
// any time: first of all, or in place of a challenge, as xrdp does.
func (x *exchange) alert(m *licensing.ErrorAlert, stay phaseState) phaseState {
	switch {
	case m.IsValidClient():
		return completedState
	case m.Transition == licensing.ResetPhaseToStart:
		return awaitState
	case m.Transition == licensing.ResendLastMessage && x.last != nil:
		if err := x.conn.WriteLicense(x.last); err != nil {
			x.reason = err
			return abortedState
		}
		return stay
	case m.Transition == licensing.NoTransition, m.Transition == licensing.ResendLastMessage:
		return stay
	}
	x.reason = &licensing.AlertError{Alert: m}
	return abortedState
}

func (x *exchange) read() (licensing.Message, error) {
	if x.received++; x.received > maxMessages {
		return nil, errTooMany
	}
	b, err := x.conn.ReadLicense()
	if err != nil {
		return nil, &connError{err}
	}
	m, err := licensing.Parse(b)
	if err != nil {
		return nil, err
	}
	x.result.Messages = append(x.result.Messages, m.Type())
	x.order, err = x.order.Next(m)
	return m, err
}

func (x *exchange) write(m licensing.Message) error {
	x.last = licensing.Append(nil, m, licenseFlags)
	x.result.Messages = append(x.result.Messages, m.Type())
	next, err := x.order.Next(m)
	if err != nil {
		return err
	}
	x.order = next
	if err := x.conn.WriteLicense(x.last); err != nil {
		return &connError{err}
	}
	return nil
}

// connError is an error of the connection itself, after which nothing can be sent.
type connError struct{ err error }

func (e *connError) Error() string { return e.err.Error() }
func (e *connError) Unwrap() error { return e.err }

// certificateError is a server certificate whose key cannot be used.
type certificateError struct{ err error }

func (e *certificateError) Error() string { return e.err.Error() }
func (e *certificateError) Unwrap() error { return e.err }

// abort ends the phase for err, and tells the server unless the connection is what
// failed.
func (x *exchange) abort(err error) phaseState {
	var broken *connError
	if errors.As(err, &broken) {
		x.reason = broken.err
		return abortedState
	}
	alert := licensing.Abort(alertCode(err))
	if sendErr := x.conn.WriteLicense(licensing.Append(nil, alert, licenseFlags)); sendErr != nil {
		err = errors.Join(err, sendErr)
	} else {
		x.result.Messages = append(x.result.Messages, alert.Type())
	}
	x.reason = &licensing.AlertError{Alert: alert, Sent: true, Cause: err}
	return abortedState
}

// alertCode is what a client tells a server whose message it cannot use.
func alertCode(err error) licensing.Code {
	var certificate *certificateError
	switch {
	case errors.As(err, &certificate):
		return licensing.InvalidServerCertificate
	case errors.Is(err, licensing.ErrMAC):
		return licensing.InvalidMAC
	case errors.Is(err, cursor.ErrTruncated), errors.Is(err, cursor.ErrTrailing):
		return licensing.InvalidMessageLength
	}
	return licensing.NoLicense // it gives up: it will not take a license like this
}

// answerRequest shows the license that the request asks for, or asks for a new one.
func (x *exchange) answerRequest(m *licensing.LicenseRequest) error {
	x.request = m
	keys, err := x.agree(m)
	if err != nil {
		return err
	}
	stored, ok := Find(x.store, m)
	if !ok {
		return x.write(&licensing.NewLicenseRequest{ClientKeys: keys, User: x.user, Machine: x.machine})
	}
	x.result.Presented = &stored
	info := &licensing.LicenseInfo{ClientKeys: keys, License: stored.License}
	info.Seal(x.keys, x.id)
	return x.write(info)
}

// agree makes the client's random and premaster secret, and the keys of both.
func (x *exchange) agree(m *licensing.LicenseRequest) (licensing.ClientKeys, error) {
	certificate := m.ServerCertificate
	if len(certificate) == 0 {
		certificate = x.conn.ServerCertificate()
	}
	key, err := rdpsec.ParseServerCertificate(certificate)
	if err != nil {
		return licensing.ClientKeys{}, &certificateError{err}
	}
	random := x.random
	if random == nil {
		random = rand.Reader
	}
	premaster := make([]byte, rdpsec.PremasterSize)
	keys := licensing.ClientKeys{KeyExchange: licensing.KeyExchangeRSA, PlatformID: uint32(x.persona.Platform)}
	if _, err := io.ReadFull(random, premaster); err != nil {
		return keys, fmt.Errorf("premaster secret: %w", err)
	}
	if _, err := io.ReadFull(random, keys.ClientRandom[:]); err != nil {
		return keys, fmt.Errorf("client random: %w", err)
	}
	keys.EncryptedPremaster = key.Encrypt(premaster)
	x.keys, err = rdpsec.NewLicenseKeys(premaster, keys.ClientRandom[:], m.ServerRandom[:])
	return keys, err
}

func (x *exchange) answerChallenge(challenge []byte) error {
	data := licensing.AppendResponseData(nil, licensing.ResponseData{
		ClientType: x.persona.ClientType, Detail: licensing.DetailFull, Challenge: challenge,
	})
	crash.Here("challenge", crash.BeforeReply)
	err := x.write(licensing.SealResponse(x.keys, data, x.id))
	crash.Here("challenge", crash.AfterReply)
	return err
}

// keep stores the license that the server sent, byte for byte, if the device can.
func (x *exchange) keep(m *licensing.SealedLicense) phaseState {
	info, err := m.Open(x.keys)
	if err != nil {
		return x.abort(err)
	}
	l := StoredLicense{Scope: info.Scope, Company: info.Company, Product: info.Product, License: info.License}
	if x.noStore {
		x.result.Stored = &l
		return completedState
	}
	crash.Here("license", crash.BeforeStore)
	if err := x.store.Put(l); err != nil {
		x.reason = fmt.Errorf("store the license: %w", err)
		return abortedState
	}
	crash.Here("license", crash.AfterStore)
	x.result.Stored = &l
	return completedState
}
