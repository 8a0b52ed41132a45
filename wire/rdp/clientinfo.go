package rdp

// ClientInfo is TS_INFO_PACKET with its extension, 2.2.1.11.1.1.
type ClientInfo struct {
	CodePage   uint32
	Flags      InfoFlags
	Domain     string
	User       string
	Password   string
	Shell      string // the program to start instead of the desktop
	WorkingDir string

	Extended      bool // the fields below were there
	AddressFamily uint16
	Address       string // the client's own idea of it
	Dir           string // where the client program lies
	TimeZone      []byte // TS_TIME_ZONE_INFORMATION, 172 bytes or nil
	SessionID     uint32
	Performance   uint32
	Tail          []byte // auto-reconnect cookie and what newer clients add
}

// InfoFlags are the flags of a Client Info packet.
type InfoFlags uint32

// Some flags of a Client Info packet, 2.2.1.11.1.1.
const (
	InfoMouse           InfoFlags = 0x0001
	InfoDisableCtrlAlt  InfoFlags = 0x0002
	InfoAutoLogon       InfoFlags = 0x0008
	InfoUnicode         InfoFlags = 0x0010
	InfoMaximizeShell   InfoFlags = 0x0020
	InfoLogonNotify     InfoFlags = 0x0040
	InfoEnableWindowKey InfoFlags = 0x0100
	InfoMouseHasWheel   InfoFlags = 0x00020000
)
