package transport

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/tslab/tslab/wire/tsls"
)

func TestFrame(t *testing.T) {
	b, err := appendFrame([]byte("before"), 0x01020304, tsls.Marked{Created: true})
	if err != nil {
		t.Fatal(err)
	}
	if want := "before\x02\x00\x00\x00\x04\x03\x02\x01\x84\x01"; string(b) != want {
		t.Errorf("frame %q, want %q", b, want)
	}
	frame := b[len("before"):]
	id, message, err := readFrame(bytes.NewReader(frame), 2)
	if err != nil || id != 0x01020304 || string(message) != "\x84\x01" {
		t.Errorf("%x %x %v", id, message, err)
	}
	for i := range frame {
		if _, _, err := readFrame(bytes.NewReader(frame[:i]), 2); !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%d of %d bytes: %v", i, len(frame), err)
		}
	}
	if _, _, err := readFrame(bytes.NewReader(frame), 1); !errors.Is(err, ErrFrame) {
		t.Errorf("over the limit: %v", err)
	}
	if b, err := appendFrame([]byte("before"), 1, tsls.Error{Text: "\xff"}); err == nil || string(b) != "before" {
		t.Errorf("a message that cannot be sent: %q, %v", b, err)
	}
}

// TestFrameMemory: a length without its bytes costs no memory.
func TestFrameMemory(t *testing.T) {
	lie := append([]byte{0, 0, 16, 0, 0, 0, 0, 0}, "few bytes"...)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, _, err := readFrame(bytes.NewReader(lie), tsls.MaxMessage); err == nil {
		t.Error("a frame of a few bytes is whole")
	}
	runtime.ReadMemStats(&after)
	allocated := after.TotalAlloc - before.TotalAlloc
	if allocated > 64<<10 {
		t.Errorf("%d bytes for a frame that never comes", allocated)
	}
}

// FuzzReadFrame: what is read is what was sent, and nothing over the limit.
func FuzzReadFrame(f *testing.F) {
	frame, err := appendFrame(nil, 7, tsls.Hello{Program: "termsrv"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(frame)
	f.Add(frame[:5])
	f.Fuzz(func(t *testing.T, b []byte) {
		_, message, err := readFrame(bytes.NewReader(b), 1024)
		if err != nil {
			return
		}
		if len(message) == 0 || len(message) > 1024 || !strings.HasPrefix(string(b[headLen:]), string(message)) {
			t.Fatalf("%x gives %x", b, message)
		}
	})
}
