package tsls

// GetActivationRequest asks for the document that the clearinghouse activates the
// license server by; it is answered with [ActivationRequest]. What the
// administrator tells about the company goes into it.
type GetActivationRequest struct {
	Company string
	Contact string
	Email   string
	Country string
}

// Type is [TypeGetActivationRequest].
func (GetActivationRequest) Type() Type { return TypeGetActivationRequest }

func (m GetActivationRequest) code(c *coder) Message {
	c.text("company", &m.Company)
	c.text("contact", &m.Contact)
	c.text("email", &m.Email)
	c.text("country", &m.Country)
	return m
}

// ActivationRequest answers [GetActivationRequest].
type ActivationRequest struct {
	Document []byte // a wire/enroll activation request
}

// Type is [TypeActivationRequest].
func (ActivationRequest) Type() Type { return TypeActivationRequest }

func (m ActivationRequest) code(c *coder) Message {
	c.blob("document", &m.Document)
	return m
}

// Activate brings the clearinghouse's answer. It is answered with [ServerInfo].
type Activate struct {
	Document []byte // a wire/enroll activation
}

// Type is [TypeActivate].
func (Activate) Type() Type { return TypeActivate }

func (m Activate) code(c *coder) Message {
	c.blob("document", &m.Document)
	return m
}
