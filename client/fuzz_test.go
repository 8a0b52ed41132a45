package client

import (
	"crypto/rand"
	"testing"

	"github.com/tslab/tslab/wire/licensing"
	"github.com/tslab/tslab/wire/rdpsec"
)

// FuzzExchange is a whole licensing phase with a server that says anything: it
// ends, and what the client sends is well formed. The input is a list of messages,
// each behind a byte with its length; a length of 255 stands for the next message
// of a real server.
func FuzzExchange(f *testing.F) {
	key, err := rdpsec.GenerateKey(rand.Reader, 512)
	if err != nil {
		f.Fatal(err)
	}
	alert := licensing.Append(nil, licensing.ValidClient(), licensing.Version3)
	abort := licensing.Append(nil, licensing.Abort(licensing.InvalidClient), licensing.Version3)
	f.Add([]byte{255, 255, 255})
	f.Add(append([]byte{byte(len(alert))}, alert...))
	f.Add(append([]byte{255, byte(len(alert))}, alert...))
	f.Add(append([]byte{255, 255, byte(len(abort))}, abort...))
	f.Add([]byte{255, 4, 0x02, 3, 4, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		s := &server{t: t, key: key}
		real := []func(*server, licensing.Message) []byte{sendRequest, sendChallenge, sendNew}
		for len(b) > 0 {
			n := int(b[0])
			b = b[1:]
			if n == 255 && len(real) > 0 {
				s.steps, real = append(s.steps, real[0]), real[1:]
				continue
			}
			n = min(n, len(b))
			s.steps, b = append(s.steps, sendBytes(b[:n]...)), b[n:]
		}
		x := &exchange{conn: s, store: &memoryStore{}, id: testID, user: "lab", machine: "PC1"}
		if _, err := x.run(); err == nil && x.order != licensing.Completed {
			t.Errorf("ended well in state %v", x.order)
		}
	})
}

// memoryStore keeps nothing on disk.
type memoryStore struct {
	Store
	licenses []StoredLicense
}

func (s *memoryStore) Licenses() []StoredLicense { return s.licenses }
func (s *memoryStore) Put(l StoredLicense) error { s.licenses = append(s.licenses, l); return nil }
