package tsls

// MaxFields is how many fields an order can have.
const MaxFields = 32

// ActivateByNumber brings the License Server ID that somebody was told on the
// telephone, or read in a browser or on a fax. It is answered with [ServerInfo].
type ActivateByNumber struct {
	ServerID string // as it was typed
}

// Type is [TypeActivateByNumber].
func (ActivateByNumber) Type() Type { return TypeActivateByNumber }

func (m ActivateByNumber) code(c *coder) Message {
	c.text("server id", &m.ServerID)
	return m
}

// InstallByNumber brings a Key Pack ID in the same way. It is answered with
// [KeyPackInstalled].
type InstallByNumber struct {
	PackID string // as it was typed
}

// Type is [TypeInstallByNumber].
func (InstallByNumber) Type() Type { return TypeInstallByNumber }

func (m InstallByNumber) code(c *coder) Message {
	c.text("pack id", &m.PackID)
	return m
}

// Deactivate brings the confirmation code that the clearinghouse has told who deactivates
// the license server. It is answered with [ServerInfo].
type Deactivate struct {
	Confirmation string // as it was typed
}

// Type is [TypeDeactivate].
func (Deactivate) Type() Type { return TypeDeactivate }

func (m Deactivate) code(c *coder) Message {
	c.text("confirmation", &m.Confirmation)
	return m
}

// GetOrder asks the license server to sign what it orders from the clearinghouse; it
// is answered with [Order].
type GetOrder struct {
	Fields []string // "name=value", as the clearinghouse names them
}

// Type is [TypeGetOrder].
func (GetOrder) Type() Type { return TypeGetOrder }

func (m GetOrder) code(c *coder) Message {
	c.texts("fields", &m.Fields, MaxFields)
	return m
}

// Order answers [GetOrder].
type Order struct {
	Document []byte // a wire/enroll order
}

// Type is [TypeOrder].
func (Order) Type() Type { return TypeOrder }

func (m Order) code(c *coder) Message {
	c.blob("document", &m.Document)
	return m
}

// Automatic asks the license server to reach the clearinghouse by itself, as the
// connection method Automatic of Windows Server 2003 has it: to be activated, or to
// get a key pack. It is answered with [ServerInfo] for "activate" and "reactivate",
// and with [KeyPackInstalled] for "install".
type Automatic struct {
	Operation string
	Fields    []string // "name=value", as the clearinghouse names them
}

// Type is [TypeAutomatic].
func (Automatic) Type() Type { return TypeAutomatic }

func (m Automatic) code(c *coder) Message {
	c.text("operation", &m.Operation)
	c.texts("fields", &m.Fields, MaxFields)
	return m
}
