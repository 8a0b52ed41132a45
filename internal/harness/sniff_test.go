package harness_test

import (
	"bytes"
	"encoding/binary"
	"image"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/tslab/tslab/internal/harness"
)

// TestSniff finds each of the datagrams once, also the one that was sent just before
// the end.
func TestSniff(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lo.pcap")
	s, err := harness.Sniff(path)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("udp", "127.0.0.1:9")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	// The port is closed: the error that comes back may meet the next datagram.
	if _, err := conn.Write([]byte("the only datagram")); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(bounded(t)); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(packets(t, text), []byte("the only datagram")); n != 2 { // the second in the ICMP error
		t.Errorf("the datagram stands %d times in the capture, want 2", n)
	}
	if bytes.Contains(text, []byte("end of capture")) {
		t.Error("the mark of the end stands in the capture")
	}
}

// packets checks the file's form and returns the packets, one after the other.
func packets(t *testing.T, file []byte) []byte {
	t.Helper()
	const header, record = 24, 16
	if len(file) < header || binary.LittleEndian.Uint32(file) != 0xa1b2c3d4 {
		t.Fatalf("no capture: %x", file[:min(len(file), header)])
	}
	var all []byte
	for rest := file[header:]; len(rest) > 0; {
		if len(rest) < record {
			t.Fatalf("%d bytes behind the last packet", len(rest))
		}
		n := int(binary.LittleEndian.Uint32(rest[8:]))
		if len(rest) < record+n {
			t.Fatalf("the last packet has %d bytes of %d", len(rest)-record, n)
		}
		all, rest = append(all, rest[record:record+n]...), rest[record+n:]
	}
	return all
}

// size is odd on purpose.
var size = image.Pt(642, 480)

func TestDisplay(t *testing.T) {
	if err := harness.Need("Xvfb", "xwd", "convert"); err != nil {
		t.Fatal(err)
	}
	d, err := harness.StartDisplay(bounded(t), t.TempDir(), size)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	shot, err := d.Shot(bounded(t))
	if err != nil || shot.Bounds().Size() != size {
		t.Errorf("Shot = %v, %v, want a picture of %v", shot, err, size)
	}
}
