package web

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/tslab/tslab/ls/clearinghouse"
)

// Client is how the licensing tool reaches a clearinghouse by the Internet method:
// "directly", over "TCP port 443" (white paper, Activate a License Server).
type Client struct {
	Address string              // host or host:port
	Roots   []*x509.Certificate // that the clearinghouse's certificate must chain to
	KeyLog  io.Writer           // TLS secrets for Wireshark; may be nil
}

// maxAnswer bounds what is read of an answer.
const maxAnswer = 4 << 20

// Do sends a form. Faults in it are [keypack.Faults].
func (c *Client) Do(ctx context.Context, op clearinghouse.Op, f clearinghouse.Form) (clearinghouse.Answer, error) {
	var a clearinghouse.Answer
	body, err := json.Marshal(f)
	if err != nil {
		return a, err
	}
	address := c.Address
	if _, _, err := net.SplitHostPort(address); err != nil {
		address = net.JoinHostPort(address, "443")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+address+"/api/v1/"+string(op), bytes.NewReader(body))
	if err != nil {
		return a, fmt.Errorf("clearinghouse: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	transport := c.transport()
	defer transport.CloseIdleConnections()
	answer, err := transport.RoundTrip(req)
	if err != nil {
		return a, c.unreachable(address, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return a, c.unreachable(address, err)
	}
	return a, read(address, answer, text, &a)
}

func (c *Client) transport() *http.Transport {
	pool := x509.NewCertPool()
	for _, root := range c.Roots {
		pool.AddCert(root)
	}
	return &http.Transport{
		TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: pool, KeyLogWriter: c.KeyLog},
		ResponseHeaderTimeout: 15 * time.Second,
		TLSHandshakeTimeout:   10 * time.Second,
	}
}

func (c *Client) unreachable(address string, err error) error {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return fmt.Errorf("clearinghouse %s: its certificate is not of the clearinghouse that is trusted here: %w; give its root certificate", address, err)
	}
	return fmt.Errorf("clearinghouse %s cannot be reached: %w; use another connection method", address, err)
}

func read(address string, answer *http.Response, text []byte, a *clearinghouse.Answer) error {
	if answer.StatusCode == http.StatusOK {
		if err := json.Unmarshal(text, a); err != nil {
			return fmt.Errorf("clearinghouse %s: its answer cannot be read: %w; use programs of the same release", address, err)
		}
		return nil
	}
	var f failure
	if err := json.Unmarshal(text, &f); err != nil || f.Faults == nil && f.Error == "" {
		return fmt.Errorf("clearinghouse %s: answers %s; is it a clearinghouse?", address, answer.Status)
	}
	if f.Faults != nil {
		return f.Faults
	}
	return fmt.Errorf("clearinghouse %s: %s", address, f.Error)
}
