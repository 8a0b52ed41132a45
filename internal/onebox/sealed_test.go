package onebox_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/tslab/tslab/client"
	"github.com/tslab/tslab/internal/onebox"
	"github.com/tslab/tslab/internal/rdpconn"
	"github.com/tslab/tslab/wire/rdpsec"
)

// TestSealedLicensing has licensing messages encrypted in neither, either and both
// directions with short and long keys, by both kinds of signature: the keys of both ends stay
// in step, and the transcript says who encrypted.
func TestSealedLicensing(t *testing.T) {
	for _, method := range []rdpsec.Method{rdpsec.Method40, rdpsec.Method128} {
		for _, n := range []int{0, 1, 2, 7} {
			byServer, byClient, salted := n&1 != 0, n&2 != 0, n&4 != 0
			t.Run(fmt.Sprintf("%v server=%v client=%v salted=%v", method, byServer, byClient, salted), func(t *testing.T) {
				var transcript lockedLines
				l := start(t, t.TempDir(), func(c *onebox.Config) {
					c.TermServ.Security, c.TermServ.Encryption, c.TermServ.KeyBits = rdpconn.RDPOnly, []rdpsec.Method{method}, 512
					c.TermServ.EncryptLicensing, c.TermServ.SaltedMAC, c.TermServ.Transcript = byServer, salted, &transcript
				})
				device := l.device(t, "PC-1")
				device.EncryptLicensing, device.SaltedMAC, device.SlowPath = byClient, salted, salted
				s, err := client.Connect(t.Context(), device)
				if err != nil {
					t.Fatal(err)
				}
				if s.Security != method.String() || given(t, s.Licensed) != "temporary" {
					t.Errorf("%s, given %s", s.Security, given(t, s.Licensed))
				}
				s.Close()
				sent, received := transcript.sealed(t)
				if sent != byServer || received != byClient {
					t.Errorf("encrypted by the server: %v, by the client: %v", sent, received)
				}
			})
		}
	}
}

// lockedLines is a transcript that is read while it is written.
type lockedLines struct {
	mu  sync.Mutex
	all [][]byte
}

func (l *lockedLines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, slices.Clone(b))
	return len(b), nil
}

// sealed reports who has encrypted licensing messages: all of them, or none.
func (l *lockedLines) sealed(t *testing.T) (sent, received bool) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	seen := map[string]int{}
	for _, line := range l.all {
		var pdu struct {
			Direction string `json:"direction"`
			License   byte   `json:"license"`
			Sealed    bool   `json:"sealed"`
		}
		if err := json.Unmarshal(bytes.TrimSpace(line), &pdu); err != nil {
			t.Fatal(err)
		}
		if pdu.License != 0 {
			seen[fmt.Sprint(pdu.Direction, " ", pdu.Sealed)]++
		}
	}
	if seen["sent true"]*seen["sent false"] != 0 || seen["received true"]*seen["received false"] != 0 || len(seen) != 2 {
		t.Errorf("licensing messages: %v", seen)
	}
	return seen["sent true"] > 0, seen["received true"] > 0
}
