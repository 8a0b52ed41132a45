package ls_test

import (
	"context"
	"testing"

	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/internal/transport"
	"github.com/tslab/tslab/wire/enroll"
	"github.com/tslab/tslab/wire/token"
	"github.com/tslab/tslab/wire/tsls"
)

// FuzzConversation is a whole conversation with a license server by the bytes of its
// messages: each is a message of its own behind its length, or, with a length from
// 250, what a real peer would say. Every message is answered by one that can be sent,
// and no more CALs are out than were installed.
func FuzzConversation(f *testing.F) {
	// One authority for all inputs; each has a license server of its own.
	for _, m := range []tsls.Message{
		tsls.Ping{}, tsls.KeyPacks{}, tsls.Licenses{Limit: 1}, tsls.GetActivationRequest{Company: "C"},
		tsls.Activate{Document: []byte("x")}, tsls.InstallKeyPack{Document: []byte("y")},
		tsls.Allocate{Request: tsls.RequestCAL, Presented: tsls.ClassNone, HardwareID: newDevice(1).id, Machine: "PC1", User: "u", Mode: "device", Edition: "w2k-sp3"},
		tsls.Allocate{Request: tsls.RequestBuiltIn, Presented: tsls.ClassNone, HardwareID: newDevice(2).id, Machine: "PC2", Mode: "device", Edition: "w2k-rtm"},
		tsls.Mark{LicenseID: "LAB-1", HardwareID: newDevice(1).id, Machine: "PC1"},
		tsls.Return{LicenseID: "LAB-1", HardwareID: newDevice(1).id},
	} {
		b, err := tsls.Append(nil, m)
		if err != nil {
			f.Fatal(err)
		}
		b = append([]byte{byte(len(b))}, b...)
		f.Add(byte(0), b)
		f.Add(byte(1), append([]byte{250, 251, 252, 253, 254}, b...))
		f.Add(byte(2), append(append(b, 250, 251, 252, 255), b...))
	}
	f.Fuzz(func(t *testing.T, which byte, b []byte) {
		profiles := []edition.Profile{edition.W2K(), edition.W2KSP3(), edition.WS2003()}
		c := &conversation{lab: newLab(t, profiles[which%3]), device: newDevice(1)}
		for n := 0; len(b) > 0 && n < 20; n++ {
			length := int(b[0])
			b = b[1:]
			if length >= 250 {
				c.real(length)
				continue
			}
			length = min(length, len(b))
			c.say(b[:length])
			b = b[length:]
		}
		c.sound()
	})
}

// conversation is what a peer says to a license server.
type conversation struct {
	*lab
	device    *device
	activated bool
	installed uint32
}

// say hands over one message and holds that the answer can be sent and read.
func (c *conversation) say(b []byte) {
	m, err := tsls.Parse(b)
	if err != nil || !m.Type().IsRequest() {
		return // the transport answers those
	}
	answer := c.Handle(context.Background(), transport.Peer{Hello: tsls.Hello{Name: "ts1"}}, m)
	sent, err := tsls.Append(nil, answer)
	if err != nil {
		c.t.Fatalf("%+v is answered with %+v: %v", m, answer, err)
	}
	if _, err := tsls.Parse(sent); err != nil {
		c.t.Fatalf("%+v is answered with %x: %v", m, sent, err)
	}
	if a, ok := answer.(tsls.Allocated); ok && len(a.License) > 0 {
		if _, err := token.Parse(a.License); err != nil {
			c.t.Fatalf("the token for %+v: %v", m, err)
		}
	}
}

// real is what an honest administrator, terminal server or calendar does.
func (c *conversation) real(what int) {
	switch what {
	case 250:
		c.activate()
		c.activated = true
	case 251:
		if c.activated && c.installed == 0 { // a pack is installed once
			c.install(enroll.KeyPack{Count: 2})
			c.installed = 2
		}
	case 252:
		if a, ok := c.allocate(tsls.RequestTemp, tsls.ClassNone); ok && len(a.License) > 0 {
			c.device.keep(c.t, a.License)
		}
	case 253:
		// An honest terminal server marks temporary tokens only.
		if t, err := token.Parse(c.device.blob); err == nil && t.License.Kind == token.Temporary {
			c.mark(c.device)
		}
	case 254:
		if a, ok := c.allocate(tsls.RequestCAL, tsls.ClassTemporary); ok && len(a.License) > 0 {
			c.device.keep(c.t, a.License)
		}
	case 255:
		c.clock.days(40)
	}
}

func (c *conversation) allocate(r tsls.Request, class tsls.Class) (tsls.Allocated, bool) {
	answer, err := c.tell(c.request(c.device, r, class))
	if err != nil {
		return tsls.Allocated{}, false
	}
	a, ok := answer.(tsls.Allocated)
	return a, ok
}

// sound holds what is always so.
func (c *conversation) sound() {
	for _, p := range must[tsls.KeyPackList](c.lab, tsls.KeyPacks{}).Packs {
		if p.Kind == token.CAL.String() && (p.Total > c.installed || p.Issued > p.Total || p.Issued+p.Available != p.Total) {
			c.t.Errorf("pack %+v, %d CALs were installed", p, c.installed)
		}
	}
}
