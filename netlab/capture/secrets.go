//go:build linux

package capture

import (
	"bytes"
	"encoding/hex"
	"strings"

	"github.com/tslab/tslab/wire/rdpsec"
)

// Lines of key logs that are the lab's own; all others are those of the NSS key log
// format that Wireshark reads.
const (
	lineClientRandom = "RDP_CLIENT_RANDOM" // server random, client random
	lineLicenseKeys  = "RDP_LICENSE_KEYS"  // server random of LICENSE_REQUEST, MAC salt key, licensing encryption key
)

// random is a TLS client random or the server random of a session or of a LICENSE_REQUEST.
type random = [32]byte

// secrets is what the programs' key logs tell.
type secrets struct {
	tlsLines []byte // for the Decryption Secrets Block
	tls      map[random]map[string][]byte
	clients  map[random]random
	licenses map[random]rdpsec.LicenseKeys
}

// parseSecrets reads key logs. A line that is not understood, such as the last one
// of a program that was killed, is left to whoever does.
func parseSecrets(log []byte) *secrets {
	s := &secrets{tls: map[random]map[string][]byte{}, clients: map[random]random{}, licenses: map[random]rdpsec.LicenseKeys{}}
	for line := range bytes.Lines(log) {
		fields := strings.Fields(string(line))
		values := make([][]byte, 0, 3)
		for _, f := range fields[min(1, len(fields)):] {
			b, err := hex.DecodeString(f)
			if err != nil {
				break
			}
			values = append(values, b)
		}
		if len(values) < 2 || len(values) != len(fields)-1 || len(values[0]) != len(random{}) {
			continue
		}
		s.add(fields[0], values, line)
	}
	return s
}

func (s *secrets) add(label string, values [][]byte, line []byte) {
	key := random(values[0])
	switch label {
	case lineClientRandom:
		if len(values[1]) == len(random{}) {
			s.clients[key] = random(values[1])
		}
	case lineLicenseKeys:
		if len(values) == 3 && len(values[1]) == 16 && len(values[2]) == 16 {
			s.licenses[key] = rdpsec.LicenseKeys{MACSalt: [16]byte(values[1]), Key: [16]byte(values[2])}
		}
	default:
		if s.tls[key] == nil {
			s.tls[key] = map[string][]byte{}
		}
		s.tls[key][label] = values[1]
		s.tlsLines = append(append(s.tlsLines, bytes.TrimRight(line, "\r\n")...), '\n')
	}
}
