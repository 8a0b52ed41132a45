//go:build linux

package capture

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestRawBothWaysAndBrokenOff(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.pcap")
	w, err := newRawWriter(path)
	if err != nil {
		t.Fatal(err)
	}
	when := time.Unix(1795000000, 123456789).UTC()
	if err := errors.Join(w.write(when, 1600, []byte("first")), w.write(when.Add(time.Second), 2, []byte("ab")), w.close()); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	first := rawHeaderLen + rawRecordLen + len("first")
	for n := range len(whole) + 1 {
		r, err := newRawReader(bufio.NewReader(bytes.NewReader(whole[:n])))
		if n < rawHeaderLen {
			if err == nil {
				t.Fatalf("a header of %d bytes is read", n)
			}
			continue
		}
		frames := 0
		for {
			f, err := r.next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%d bytes: %v", n, err)
			}
			if frames == 0 && (!f.Time.Equal(when) || f.Length != 1600 || string(f.Data) != "first") {
				t.Fatalf("%d bytes: first frame %+v", n, f)
			}
			frames++
		}
		want := 0
		if n >= first {
			want = 1
		}
		if n == len(whole) {
			want = 2
		}
		if frames != want {
			t.Errorf("%d of %d bytes hold %d frames, want %d", n, len(whole), frames, want)
		}
	}
}

func TestRawRefusesWhatIsNoRecording(t *testing.T) {
	if _, err := newRawReader(bufio.NewReader(bytes.NewReader(make([]byte, rawHeaderLen)))); err == nil {
		t.Error("zeros are read as a recording")
	}
	bad := append(make([]byte, rawHeaderLen), bytes.Repeat([]byte{0xff}, rawRecordLen)...)
	copy(bad, "\x4d\x3c\xb2\xa1")
	r, err := newRawReader(bufio.NewReader(bytes.NewReader(bad)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.next(); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("a frame of 4 GiB: %v", err)
	}
}

func TestMarkBothWays(t *testing.T) {
	mark := appendMark(nil, 77)
	if n, ok := parseMark(mark); n != 77 || !ok {
		t.Errorf("parseMark = %d, %v", n, ok)
	}
	for n := range mark {
		if _, ok := parseMark(mark[:n]); ok {
			t.Errorf("a mark of %d bytes is read", n)
		}
	}
	mark[0] = 0xff
	if _, ok := parseMark(mark); ok {
		t.Error("another frame is read as a mark")
	}
}

func TestNameBlock(t *testing.T) {
	var b bytes.Buffer
	err := writeNames(&b, map[netip.Addr]string{netip.MustParseAddr("10.0.0.2"): "ts1"})
	if err != nil {
		t.Fatal(err)
	}
	want := "\x04\x00\x00\x00\x1c\x00\x00\x00" + // block of 28 bytes
		"\x01\x00\x08\x00\x0a\x00\x00\x02ts1\x00" + // IPv4, 8 bytes
		"\x00\x00\x00\x00" + "\x1c\x00\x00\x00"
	if b.String() != want {
		t.Errorf("got  %x\nwant %x", b.String(), want)
	}
}

// Whatever stands in a frame, its headers are read without an error or a panic.
func FuzzDecode(f *testing.F) {
	f.Add([]byte("\x02\x00\x0a\x01\x00\x02\x02\x00\x0a\x01\x00\x01\x08\x00\x45\x00\x00\x1d\x00\x01\x00\x00\x40\x11\x00\x00" +
		"\x0a\x01\x00\x01\x0a\x01\x00\x02\x00\x07\x0d\x0f\x00\x09\x00\x00x"))
	f.Add(appendMark(nil, 1))
	f.Fuzz(func(t *testing.T, frame []byte) {
		p := NewDecoder().Decode("x", &Frame{Data: frame})
		if p.Payload > len(frame) {
			t.Errorf("payload of %d bytes in a frame of %d", p.Payload, len(frame))
		}
	})
}
