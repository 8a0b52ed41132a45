//go:build linux

package capture

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// The classic capture format, nanosecond flavor, little endian.
const (
	rawMagic     = 0xa1b23c4d
	rawHeaderLen = 4 + 2 + 2 + 4 + 4 + 4 + 4 // magic, version, zone, accuracy, snapshot length, link type
	rawRecordLen = 4 + 4 + 4 + 4             // seconds, nanoseconds, captured, length
	snapLen      = 1 << 18
	linkEthernet = 1
)

// Frame is one Ethernet frame as it was recorded.
type Frame struct {
	Time   time.Time
	Length int    // on the wire
	Data   []byte // valid until the next frame is read
}

// rawWriter writes a recording.
type rawWriter struct {
	file *os.File
	buf  []byte
}

func newRawWriter(path string) (*rawWriter, error) {
	f, err := createRaw(path)
	return &rawWriter{file: f}, err
}

func (w *rawWriter) write(t time.Time, length int, data []byte) error {
	if w.buf = appendRecord(w.buf, t, length, data); len(w.buf) < chunkSize {
		return nil
	}
	return w.flush()
}

func (w *rawWriter) flush() error {
	_, err := w.file.Write(w.buf)
	w.buf = w.buf[:0]
	return err
}

func (w *rawWriter) close() error { return errors.Join(w.flush(), w.file.Close()) }

// createRaw creates a recording with nothing in it.
func createRaw(path string) (*os.File, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	var h [rawHeaderLen]byte
	binary.LittleEndian.PutUint32(h[0:], rawMagic)
	binary.LittleEndian.PutUint16(h[4:], 2)
	binary.LittleEndian.PutUint16(h[6:], 4)
	binary.LittleEndian.PutUint32(h[16:], snapLen)
	binary.LittleEndian.PutUint32(h[20:], linkEthernet)
	if _, err := f.Write(h[:]); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// appendRecord appends a frame as a recording has it.
func appendRecord(b []byte, t time.Time, length int, data []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(t.Unix()))
	b = binary.LittleEndian.AppendUint32(b, uint32(t.Nanosecond()))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(data)))
	b = binary.LittleEndian.AppendUint32(b, uint32(length))
	return append(b, data...)
}

type rawReader struct {
	in    *bufio.Reader
	frame Frame
	buf   []byte
}

// openRaw opens a recording. Many are short, and a lab has hundreds: none has a larger
// buffer than it fills.
func openRaw(path string) (*os.File, *rawReader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil {
		var r *rawReader
		if r, err = newRawReader(bufio.NewReaderSize(f, int(min(info.Size(), chunkSize)))); err == nil {
			return f, r, nil
		}
	}
	f.Close()
	return nil, nil, fmt.Errorf("%s: %w", path, err)
}

func newRawReader(in *bufio.Reader) (*rawReader, error) {
	var h [rawHeaderLen]byte
	if _, err := io.ReadFull(in, h[:]); err != nil {
		return nil, fmt.Errorf("capture: header: %w", err)
	}
	if binary.LittleEndian.Uint32(h[0:]) != rawMagic {
		return nil, errors.New("capture: not a recording of a lab")
	}
	return &rawReader{in: in}, nil
}

// next reads a frame; io.EOF at the end, and also for a frame that the recording
// broke off in.
func (r *rawReader) next() (*Frame, error) {
	var h [rawRecordLen]byte
	if _, err := io.ReadFull(r.in, h[:]); err != nil {
		return nil, torn(err)
	}
	n := binary.LittleEndian.Uint32(h[8:])
	if n > snapLen {
		return nil, fmt.Errorf("capture: frame of %d bytes; the longest recorded is %d", n, snapLen)
	}
	if cap(r.buf) < int(n) {
		r.buf = make([]byte, n)
	}
	r.buf = r.buf[:n]
	if _, err := io.ReadFull(r.in, r.buf); err != nil {
		return nil, torn(err)
	}
	r.frame = Frame{
		Time:   time.Unix(int64(binary.LittleEndian.Uint32(h[0:])), int64(binary.LittleEndian.Uint32(h[4:]))).UTC(),
		Length: int(binary.LittleEndian.Uint32(h[12:])),
		Data:   r.buf,
	}
	return &r.frame, nil
}

func torn(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return io.EOF
	}
	return err
}
