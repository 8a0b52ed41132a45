package main

import (
	"net"

	"github.com/tslab/tslab/discovery"
	"github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/internal/program"
	"github.com/tslab/tslab/ls"
	"github.com/tslab/tslab/wire/locate"
)

// hearBroadcasts makes what lets terminal servers find this license server. One that
// only this machine can reach is not to be found; where broadcasts cannot be heard, an
// event says so and the license server goes on.
func hearBroadcasts(p *program.Program, o options, server *ls.Server, l net.Addr) *discovery.Responder {
	at, ok := l.(*net.TCPAddr)
	if !ok || cli.LocalOnly(l) {
		return &discovery.Responder{}
	}
	r := &discovery.Responder{Reply: func() locate.Reply { return reply(o, server, at.AddrPort().Port()) }}
	if a := at.AddrPort().Addr().Unmap(); !a.IsUnspecified() {
		r.At = a
	}
	if err := r.Listen(); err != nil {
		p.Log.Event(eventlog.ServerHidden, eventlog.F("reason", err))
	}
	return r
}

// reply is what the license server is now, in a datagram.
func reply(o options, server *ls.Server, port uint16) locate.Reply {
	info := server.Facts()
	scope, err := locate.ParseScope(info.Scope)
	if err != nil {
		scope = locate.Workgroup
	}
	return locate.Reply{
		Name: info.Name, Port: port, ServerID: info.ServerID, Edition: info.Edition, Scope: scope, Group: o.workgroup,
		Activated: info.Activated, Features: uint32(info.Features),
	}
}
