package cli

import "github.com/urfave/cli/v3"

// RDP is how a terminal server speaks RDP, as its command line says it. The words
// are the terminal server's to understand.
type RDP struct {
	Security   string
	Encryption string // "" for the best that the client can

	KeyBits          int
	Certificate      string
	EncryptLicensing bool
	Output           string
	Behavior         []string
}

// RDPFlags are the flags of a terminal server that say how it speaks RDP.
func RDPFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "security", Usage: "take `PROTOCOLS` of clients: rdp, tls, both or both-tls", Value: "both"},
		&cli.StringFlag{Name: "encryption", Usage: "`LEVEL` under RDP security: none, 40, 56 or 128", DefaultText: "the best that the client can"},
		&cli.IntFlag{Name: "key-bits", Usage: "make an RSA key of `N` bits for a new state: 512, 1024, 2048 or 4096", Value: 2048},
		&cli.StringFlag{Name: "certificate", Value: "proprietary", Usage: "show the RSA key in `FORM`: proprietary; x509 (root and own certificate), " +
			"x509-chain (with a license server's between), x509-temporary (marked as issued temporarily), x509-single (the license request has the own one only), " +
			"omitted (the license request has none)"},
		&cli.BoolFlag{Name: "licensing-encryption", Usage: "encrypt licensing messages under RDP security"},
		&cli.StringFlag{Name: "output", Usage: "draw by the `PATH` fast, where the client can, or slow", Value: "fast"},
		&cli.StringSliceFlag{Name: "behavior", Usage: "behave like `NAME`, also more than one: " +
			"alert (a refused client gets the licensing alert; this is the default), " +
			"errorinfo (it passes licensing and learns the reason by Set Error Info), " +
			"refuse=REASON (every client is refused: " + refusals + "), " +
			"send=CODE/TRANSITION (every client is sent this ERROR_ALERT, such as ERR_INVALID_SCOPE/ST_NO_TRANSITION or 4/2, and hung up on), " +
			"salted-mac (signatures count packets), low-level (only what the client sends is encrypted)"},
	}
}

// refusals are the reasons of --behavior refuse, as MS-RDPBCGR 2.2.5.1.1 orders them.
const refusals = "internal, no-license-server, no-license, bad-message, hardware-id, bad-license, " +
	"cant-finish, client-ended, bad-encryption, cant-upgrade, no-remote-connections, or their number"

// RDPFrom reads the flags of [RDPFlags].
func RDPFrom(c *cli.Command) RDP {
	return RDP{
		Security: c.String("security"), Encryption: c.String("encryption"),
		KeyBits: c.Int("key-bits"), Certificate: c.String("certificate"),
		EncryptLicensing: c.Bool("licensing-encryption"), Output: c.String("output"), Behavior: c.StringSlice("behavior"),
	}
}
