package locate

import (
	"fmt"

	"github.com/tslab/tslab/internal/cursor"
)

// Reply says what a license server is and where it is spoken with.
type Reply struct {
	Nonce     Nonce  // of the query
	Name      string // host name
	Port      uint16 // TCP port of the license server protocol, at the reply's source address
	ServerID  string // License Server ID; empty while it is not activated
	Edition   string // "w2k-rtm", "w2k-sp3", "ws2003"
	Scope     Scope
	Group     string // its workgroup or domain
	Activated bool
	Features  uint32 // of wire/tsls
}

const flagActivated = 1

// Append adds the reply, which is never longer than a query.
func (p Reply) Append(b []byte) ([]byte, error) {
	w := cursor.NewWriter(b)
	writeHead(w, kindReply, p.Nonce)
	err := writeText(w, "name", p.Name, MaxText)
	w.U16(p.Port)
	if e := writeText(w, "server id", p.ServerID, MaxServerID); err == nil {
		err = e
	}
	if e := writeText(w, "edition", p.Edition, MaxEdition); err == nil {
		err = e
	}
	w.U8(uint8(p.Scope))
	if e := writeText(w, "group", p.Group, MaxText); err == nil {
		err = e
	}
	var flags uint8
	if p.Activated {
		flags = flagActivated
	}
	w.U8(flags)
	w.U32(p.Features)
	switch {
	case err != nil:
	case p.Scope == AnyScope || p.Scope > Enterprise:
		err = fmt.Errorf("there is no scope %d", uint8(p.Scope))
	case p.Port == 0:
		err = errPort
	case w.Len()-len(b) > QuerySize:
		err = fmt.Errorf("%d bytes, at most %d: shorten the name or the group", w.Len()-len(b), QuerySize)
	}
	if err != nil {
		return b, fmt.Errorf("discovery reply: %w", err)
	}
	return w.Bytes(), nil
}

var errPort = fmt.Errorf("port 0 is none")

// ParseReply reads a reply. Nothing may follow it.
func ParseReply(b []byte) (Reply, error) {
	r := cursor.NewReader(b)
	p := Reply{Nonce: begin(r, kindReply)}
	p.Name = readText(r, "name", MaxText)
	if p.Port = r.U16("port"); p.Port == 0 {
		r.Fail("port", errPort)
	}
	p.ServerID = readText(r, "server id", MaxServerID)
	p.Edition = readText(r, "edition", MaxEdition)
	p.Scope = readScope(r, Workgroup)
	p.Group = readText(r, "group", MaxText)
	flags := r.U8("flags")
	if flags&^flagActivated != 0 {
		r.Failf("flags", "0x%02x has bits that mean nothing", flags)
	}
	p.Activated = flags&flagActivated != 0
	p.Features = r.U32("features")
	err := r.End()
	if err == nil && len(b) > QuerySize {
		err = fmt.Errorf("%d bytes, at most %d", len(b), QuerySize)
	}
	if err != nil {
		return Reply{}, fmt.Errorf("discovery reply: %w", err)
	}
	return p, nil
}
