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

type rawWriter struct {
	file   *os.File
	buf    *bufio.Writer
	header [rawRecordLen]byte
}

func createRaw(path string) (*rawWriter, error) {
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
	w := &rawWriter{file: f, buf: bufio.NewWriterSize(f, 1<<16)}
	if _, err := w.buf.Write(h[:]); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return w, w.buf.Flush()
}

func (w *rawWriter) write(t time.Time, length int, data []byte) error {
	binary.LittleEndian.PutUint32(w.header[0:], uint32(t.Unix()))
	binary.LittleEndian.PutUint32(w.header[4:], uint32(t.Nanosecond()))
	binary.LittleEndian.PutUint32(w.header[8:], uint32(len(data)))
	binary.LittleEndian.PutUint32(w.header[12:], uint32(length))
	if _, err := w.buf.Write(w.header[:]); err != nil {
		return err
	}
	_, err := w.buf.Write(data)
	return err
}

func (w *rawWriter) close() error {
	return errors.Join(w.buf.Flush(), w.file.Close())
}

type rawReader struct {
	in    *bufio.Reader
	frame Frame
	buf   []byte
}

func newRawReader(r io.Reader) (*rawReader, error) {
	in := bufio.NewReaderSize(r, 1<<16)
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
