package gossip

import (
	"github.com/hashicorp/memberlist"

	"github.com/tslab/tslab/internal/cursor"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/ls/inventory"
)

// The first byte of a message says how it came.
const (
	direct = 'D' // an entry, from its owner, who tells everybody
	passed = 'G' // an entry, in a round of gossip: to be passed on
	notice = 'N' // owner and version of an entry that does not fit a packet
)

// maxPacket is how long an entry may be to travel in a packet.
const maxPacket = 1100

// Announce says what this server has. Owner, version, address and site are filled in.
// If it is what was said before, nothing happens, unless again says that it is time
// to repeat it.
func (g *Gossip) Announce(e inventory.Entry, again bool) {
	e.Owner, e.Version = g.config.Owner, inventory.Version{}
	e.Address, e.Site = g.config.Address, g.config.Site
	g.mu.Lock()
	defer g.mu.Unlock()
	before := g.own
	first := before.Owner == ""
	if !first && !again && inventory.Same(before, e) {
		return
	}
	g.own, g.entered, g.due = e, false, true
	if first || again || inventory.Urgent(before, e) {
		signal(g.speak)
	} else {
		signal(g.dirty)
	}
}

// enter gives what this server has to say its version, if it has something to say. It
// needs the lock.
func (g *Gossip) enter() {
	if g.own.Owner != "" && !g.entered {
		g.own, g.entered = g.known.Renew(g.own, g.start), true
	}
}

// takeDue is what is to be told; ok is false when there is nothing.
func (g *Gossip) takeDue() (e inventory.Entry, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.enter()
	ok, g.due = g.due, false
	return g.own, ok
}

// tell tells everybody at once, and has it passed on for those who missed it.
func (g *Gossip) tell() {
	e, ok := g.takeDue()
	if !ok {
		return
	}
	left := g.config.Pace.Direct
	for _, m := range g.members.Members() {
		if m.Name == g.name {
			continue
		}
		if left--; left < 0 {
			break
		}
		g.send(m, e)
	}
	g.pass(e)
}

// tellNewcomers tells those what this server has who were not there when it told.
func (g *Gossip) tellNewcomers() {
	g.mu.Lock()
	g.enter()
	e, newcomers := g.own, g.new
	g.new = nil
	g.mu.Unlock()
	if e.Owner == "" {
		return
	}
	for _, m := range newcomers {
		g.send(m, e)
	}
	g.pass(e)
}

// send tells one member. It is a packet, which may be lost: the rounds make up for it.
func (g *Gossip) send(m *memberlist.Node, e inventory.Entry) {
	message := inventory.Append([]byte{direct}, e)
	if len(message) > maxPacket {
		message = noticeOf(e)
	}
	_ = g.members.SendBestEffort(m, message)
}

// pass has an entry sent in the coming rounds, in place of an older one of its owner.
func (g *Gossip) pass(e inventory.Entry) {
	message := inventory.Append([]byte{passed}, e)
	if len(message) > maxPacket {
		message = noticeOf(e)
	}
	g.queue.QueueBroadcast(news{e.Owner, message})
}

func noticeOf(e inventory.Entry) []byte {
	w := cursor.NewWriter([]byte{notice})
	w.U64(e.Version.Start)
	w.U64(e.Version.Count)
	w.Append([]byte(e.Owner))
	return w.Bytes()
}

// news is an entry on its way, as memberlist.NamedBroadcast has it.
type news struct {
	owner   string
	message []byte
}

func (n news) Name() string { return n.owner }

func (n news) Invalidates(memberlist.Broadcast) bool { return false } // those of one name are

func (n news) Message() []byte { return n.message }

func (n news) Finished() {}

// hear takes an entry in. A newer one of this server itself is from an earlier life
// with a clock that was ahead, or of a state folder that was copied: it is outdone.
func (g *Gossip) hear(e inventory.Entry) (isNews bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	old, known := g.known.Get(e.Owner)
	if !g.known.Merge(e) {
		return false
	}
	if e.Owner == g.config.Owner {
		if g.own.Owner != "" {
			g.entered, g.due = false, true
			signal(g.speak)
		}
		return false
	}
	g.heard[e.Owner] = g.config.Clock.Now()
	anew := !known || old.Version.Start != e.Version.Start
	if g.config.Log != nil && (anew || inventory.Urgent(old, e)) {
		free, total := cals(e)
		g.config.Log.Event(eventlog.InventoryHeard, eventlog.F("server", e.Name), eventlog.F("address", e.Address),
			eventlog.F("free", free), eventlog.F("total", total), eventlog.F("activated", e.Activated))
	}
	return true
}
