//go:build linux

package capture

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/wire/rdpsec"
)

// Key logs of several programs are read as one; what is broken is left out.
func TestSecrets(t *testing.T) {
	digits := func(b byte, n int) string { return strings.Repeat(string([]byte{'0', "0123456789abcdef"[b]}), n) }
	one, two := random(bytes.Repeat([]byte{1}, 32)), random(bytes.Repeat([]byte{2}, 32))
	log := strings.Join([]string{
		"CLIENT_HANDSHAKE_TRAFFIC_SECRET " + digits(1, 32) + " " + digits(3, 32),
		"SERVER_TRAFFIC_SECRET_0 " + digits(1, 32) + " " + digits(4, 48) + "\r",
		"CLIENT_RANDOM " + digits(2, 32) + " " + digits(5, 48),
		"RDP_CLIENT_RANDOM " + digits(1, 32) + " " + digits(6, 32),
		"RDP_LICENSE_KEYS " + digits(2, 32) + " " + digits(7, 16) + " " + digits(8, 16),
		"# a remark of no meaning",
		"",
		"SERVER_TRAFFIC_SECRET_0 " + digits(2, 31) + " " + digits(4, 48),                // a random that is too short
		"RDP_CLIENT_RANDOM " + digits(2, 32) + " " + digits(6, 31),                      // and another
		"RDP_LICENSE_KEYS " + digits(1, 32) + " " + digits(7, 16),                       // a key is missing
		"RDP_LICENSE_KEYS " + digits(1, 32) + " " + digits(7, 16) + " " + digits(8, 15), // or too short
		"EXPORTER_SECRET " + digits(1, 32) + " no-digits",                               //
		"CLIENT_TRAFFIC_SECRET_0",                                                       //
		"CLIENT_TRAFFIC_SECRET_0 " + digits(1, 32) + " " + digits(9, 32)[:31],           // of a program that was killed
	}, "\n")
	s := parseSecrets([]byte(log))
	if diff := cmp.Diff(map[random]random{one: random(bytes.Repeat([]byte{6}, 32))}, s.clients); diff != "" {
		t.Errorf("client randoms: -want +got\n%s", diff)
	}
	keys := map[random]rdpsec.LicenseKeys{two: {MACSalt: [16]byte(bytes.Repeat([]byte{7}, 16)), Key: [16]byte(bytes.Repeat([]byte{8}, 16))}}
	if diff := cmp.Diff(keys, s.licenses); diff != "" {
		t.Errorf("licensing keys: -want +got\n%s", diff)
	}
	want := map[random][]string{one: {"CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_TRAFFIC_SECRET_0"}, two: {"CLIENT_RANDOM"}}
	got := map[random][]string{}
	for r, labels := range s.tls {
		got[r] = slices.Sorted(maps.Keys(labels))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("TLS: -want +got\n%s", diff)
	}
	// Wireshark is given its own lines alone, each whole.
	if lines := strings.Split(strings.TrimSuffix(string(s.tlsLines), "\n"), "\n"); len(lines) != 3 ||
		strings.Contains(string(s.tlsLines), "RDP_") || strings.Contains(string(s.tlsLines), "\r") || lines[2] != "CLIENT_RANDOM "+digits(2, 32)+" "+digits(5, 48) {
		t.Errorf("for Wireshark:\n%s", s.tlsLines)
	}
}
