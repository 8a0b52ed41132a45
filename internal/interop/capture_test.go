package interop

import (
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// captured reads the capture with tshark, as a user would with Wireshark: the
// secrets go into the file, and port 3389 is TLS if the server speaks it.
func (s *server) captured(t *testing.T, security string) []string {
	t.Helper()
	file := s.file("lo.pcap")
	// Wireshark takes some share PDUs for licensing ones once a license was pushed:
	// only those of a type that exists count.
	args := []string{"-Y", "rdp.bMsgType in {0x01..0x04, 0x12, 0x13, 0x15, 0xff}", "-T", "fields", "-e", "tcp.stream", "-e", "tcp.srcport", "-e", "rdp.bMsgType"}
	if security == "TLS" {
		with := s.file("lo.pcapng")
		if out, err := exec.Command("editcap", "--inject-secrets", "tls,"+s.file("keys"), file, with).CombinedOutput(); err != nil {
			t.Fatalf("editcap: %v\n%s", err, out)
		}
		file, args = with, append(args, "-d", "tcp.port==3389,tls")
	}
	cmd := exec.Command("tshark", append([]string{"-r", file}, args...)...)
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("tshark: %v\n%s", err, complaints.String())
	}
	var conns sequences
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		fields := strings.Split(line, "\t")
		if len(fields) != 3 {
			t.Fatalf("tshark printed %q for %s\n%s", line, file, complaints.String())
		}
		stream, err1 := strconv.Atoi(fields[0])
		kind, err2 := strconv.ParseUint(fields[2], 0, 8)
		if err1 != nil || err2 != nil {
			t.Fatalf("tshark printed %q", line)
		}
		conns.add(t, stream, byte(kind), fields[1] == "3389")
	}
	return conns.texts()
}
