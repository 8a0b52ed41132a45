package policy

import "fmt"

// Wire is how the licensing phase ends on the wire.
type Wire uint8

// The endings.
const (
	WireOK            Wire = iota // ERROR_ALERT: valid client
	WireNew                       // NEW_LICENSE with the token, then the session
	WireUpgrade                   // UPGRADE_LICENSE with the token, then the session
	WireNoServer                  // no license server
	WireNoLicense                 // no license for this client
	WireBadLicense                // the presented license is broken
	WireHardwareID                // the presented license is another device's
	WireCannotUpgrade             // the presented license could not be renewed
	WireLogonFailure              // valid client, then the logon fails
)

// wireRow is one line of the table of endings: the error code and the state
// transition of the ERROR_ALERT (MS-RDPBCGR 2.2.1.12.1.3), and the code of the
// Set Error Info PDU (MS-RDPBCGR 2.2.5.1.1) for a client that announced it.
type wireRow struct {
	name       string
	code       uint32
	transition uint32
	errorInfo  uint32
}

// Codes of MS-RDPBCGR 2.2.1.12.1.3 that an ending uses.
const (
	errNoLicenseServer = 0x00000006
	statusValidClient  = 0x00000007
	errInvalidClient   = 0x00000008

	stTotalAbort   = 0x00000001
	stNoTransition = 0x00000002
)

func (w Wire) row() wireRow {
	switch w {
	case WireOK:
		return wireRow{"OKV", statusValidClient, stNoTransition, 0}
	case WireNew:
		return wireRow{"NEW", 0, 0, 0}
	case WireUpgrade:
		return wireRow{"UPG", 0, 0, 0}
	case WireNoServer:
		return wireRow{"NOLS", errNoLicenseServer, stTotalAbort, 0x101}
	case WireNoLicense:
		return wireRow{"NOLIC", errInvalidClient, stTotalAbort, 0x102}
	case WireBadLicense:
		return wireRow{"BADLIC", errInvalidClient, stTotalAbort, 0x105}
	case WireHardwareID:
		return wireRow{"HWID", errInvalidClient, stTotalAbort, 0x104}
	case WireCannotUpgrade:
		return wireRow{"CANTUP", errInvalidClient, stTotalAbort, 0x109}
	case WireLogonFailure:
		return wireRow{"LOGONF", statusValidClient, stNoTransition, 0}
	}
	return wireRow{name: fmt.Sprintf("wire(%d)", uint8(w))}
}

// String is the name in the decision table.
func (w Wire) String() string { return w.row().name }

// Pushes reports that a token is sent, so that no ERROR_ALERT follows.
func (w Wire) Pushes() bool { return w == WireNew || w == WireUpgrade }

// Alert is the error code and state transition of the ERROR_ALERT that ends the
// licensing phase; zero where a token ends it.
func (w Wire) Alert() (code, transition uint32) {
	r := w.row()
	return r.code, r.transition
}

// ErrorInfo is the code of the Set Error Info PDU, zero if there is none.
func (w Wire) ErrorInfo() uint32 { return w.row().errorInfo }
