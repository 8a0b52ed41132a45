package tsls

// Allocated answers [Allocate].
type Allocated struct {
	Answer        Answer
	License       []byte     // the token, when the answer issues one
	Referrals     []Referral // when the answer is AnswerRefer, in the order to ask
	Validated     bool       // the device's temporary token is marked validated
	CALIssuedEver bool       // as in ServerInfo
	Features      Features   // what both ends can do
	Former        [][]byte   // the license server's former certificates, DER
	Reason        string     // why, for a log: names the rule and what it lacked
}

// Type is [TypeAllocated].
func (Allocated) Type() Type { return TypeAllocated }

func (m Allocated) code(c *coder) Message {
	c.enum("answer", (*uint8)(&m.Answer), uint8(AnswerCALTake), uint8(lastAnswer))
	c.blob("license", &m.License)
	list(c, "referrals", &m.Referrals, MaxReferrals, codeReferral)
	c.flag("validated", &m.Validated)
	c.flag("CAL issued ever", &m.CALIssuedEver)
	c.u32("features", (*uint32)(&m.Features))
	c.blobs("former", &m.Former, MaxCertificates)
	c.text("reason", &m.Reason)
	return m
}

// Referral names a license server that is believed to have a CAL free.
type Referral struct {
	Name      string // host name
	ServerID  string // License Server ID
	Address   string // host:port
	Validated bool   // the presented temporary token is marked at the referring server
}

func codeReferral(c *coder, m *Referral) {
	c.text("name", &m.Name)
	c.text("server id", &m.ServerID)
	c.text("address", &m.Address)
	c.flag("validated", &m.Validated)
}
