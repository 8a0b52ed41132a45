//go:build linux

package capture

import (
	"bytes"
	"net/netip"
	"time"

	"github.com/gopacket/gopacket/layers"
)

// place is a frame of a recording, by its number in it from 0 on.
type place struct{ recording, frame int }

// origin is where bytes of a stream came from: the frame that completed them.
type origin struct {
	place
	time     time.Time
	src, dst [6]byte // of the Ethernet header
}

// Directions of a conversation.
const (
	fromClient = iota
	fromServer
)

// receiver takes the bytes of a conversation in order.
type receiver interface {
	data(direction int, b []byte, at origin)
}

// flow is one direction of a TCP connection, put in order.
type flow struct {
	next    uint32 // sequence number of the byte that comes next
	known   bool
	waiting map[uint32]segment // ahead of next
}

type segment struct {
	data []byte
	at   origin
}

// maxWaiting bounds the segments that wait for a lost one.
const maxWaiting = 1024

// take puts a segment in its order and passes on what follows without a gap.
func (f *flow) take(seq uint32, data []byte, at origin, pass func([]byte, origin)) {
	if !f.known || len(data) == 0 {
		return
	}
	if int32(seq-f.next) > 0 {
		// Sent again, a segment may be cut elsewhere: the longer one counts.
		if w, ok := f.waiting[seq]; len(w.data) < len(data) && (ok || len(f.waiting) < maxWaiting) {
			f.waiting[seq] = segment{bytes.Clone(data), at}
		}
		return
	}
	f.pass(seq, data, at, pass)
	for closed := true; closed; {
		closed = false
		for s, w := range f.waiting {
			if int32(s-f.next) > 0 {
				continue
			}
			delete(f.waiting, s)
			w.at.place, w.at.time = at.place, at.time // the gap was closed now
			f.pass(s, w.data, w.at, pass)
			closed = true
		}
	}
}

// pass passes on what is new of a segment that leaves no gap.
func (f *flow) pass(seq uint32, data []byte, at origin, pass func([]byte, origin)) {
	known := f.next - seq
	if known >= uint32(len(data)) {
		return // a retransmission
	}
	f.next = seq + uint32(len(data))
	pass(data[known:], at)
}

// conversation is a TCP connection whose beginning was seen.
type conversation struct {
	client, server netip.AddrPort
	flows          [2]flow
	to             receiver
}

// frame gives the conversation a segment of its own.
func (c *conversation) frame(direction int, tcp *layers.TCP, at origin) {
	f := &c.flows[direction]
	if tcp.SYN {
		f.next, f.known, f.waiting = tcp.Seq+1, true, map[uint32]segment{}
		return
	}
	f.take(tcp.Seq, tcp.Payload, at, func(b []byte, at origin) { c.to.data(direction, b, at) })
}
