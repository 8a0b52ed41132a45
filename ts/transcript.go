package ts

import (
	"encoding/hex"
	"encoding/json"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tslab/tslab/internal/rdpconn"
)

// transcript writes every RDP PDU as a line of JSON, in the clear: what a capture
// of an encrypted connection hides.
type transcript struct {
	mu   sync.Mutex
	w    io.Writer
	next atomic.Uint64 // number of the next connection
}

// transcriptLine is one PDU. The fields are for programs that read transcripts.
type transcriptLine struct {
	Machine    time.Time `json:"machine"`
	Connection uint64    `json:"connection"`
	Peer       string    `json:"peer"`
	Direction  string    `json:"direction"` // as the server sees it: "received", "sent"
	Step       string    `json:"step"`
	PDU        string    `json:"pdu"`
	Sealed     bool      `json:"sealed,omitempty"`
	Security   uint16    `json:"security,omitempty"` // flags of the security header
	License    byte      `json:"license,omitempty"`  // bMsgType of a licensing message
	Data       string    `json:"data"`               // hexadecimal; empty for Client Info, which holds the password
}

// maxTranscriptData bounds what is kept of one PDU.
const maxTranscriptData = 16 << 10

// of is the hook for one connection, nil when there is no transcript.
func (t *transcript) of(peer string) func(rdpconn.Record) {
	if t == nil || t.w == nil {
		return nil
	}
	number := t.next.Add(1)
	return func(r rdpconn.Record) {
		line := transcriptLine{
			Machine: time.Now().UTC(), Connection: number, Peer: peer,
			Direction: r.Direction.String(), Step: r.Step.String(), PDU: r.PDU,
			Sealed: r.Sealed, Security: r.Security, License: r.License,
		}
		if r.Step != rdpconn.StepInfo { // the password stands there
			line.Data = hex.EncodeToString(r.Data[:min(len(r.Data), maxTranscriptData)])
		}
		if text, err := json.Marshal(line); err == nil {
			t.mu.Lock()
			defer t.mu.Unlock()
			t.w.Write(append(text, '\n')) // the server does not stop for a full disk
		}
	}
}
