package tsls

// Hello opens a connection: nothing else is answered before it. It is answered
// with [ServerInfo], or with an [Error] of code [CodeVersion] when the license
// server does not speak the version.
type Hello struct {
	Version  uint16   // 0 is sent as Version
	Features Features // what the sender can do
	Program  string   // "termsrv", "licmgr", "lserver"
	Name     string   // the sender's host name
	Edition  string   // of a terminal server: "w2k-rtm", "w2k-sp3", "ws2003"
}

// Type is [TypeHello].
func (Hello) Type() Type { return TypeHello }

func (m Hello) code(c *coder) Message {
	if m.Version == 0 {
		m.Version = Version
	}
	c.u16("version", &m.Version)
	if c.reading() && m.Version != Version {
		c.r.Rest("fields of another version")
		return m
	}
	c.u32("features", (*uint32)(&m.Features))
	c.text("program", &m.Program)
	c.text("name", &m.Name)
	c.text("edition", &m.Edition)
	return m
}

// Ping asks whether the license server lives; it answers with [ServerInfo].
type Ping struct{}

// Type is [TypePing].
func (Ping) Type() Type { return TypePing }

func (m Ping) code(*coder) Message { return m }
