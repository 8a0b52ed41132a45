package tsls

import (
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/tslab/tslab/internal/cursor"
	"github.com/tslab/tslab/wire/hwid"
)

// ErrUnknownType is wrapped by [Parse] for a message type that is not of this version.
var ErrUnknownType = errors.New("unknown message type")

// lastSecond is the last second of the year 9999: later times are no dates.
const lastSecond = 253402300799

// coder carries a message's fields in wire order, to w or from r, so that a
// message lists its fields once and both directions agree by construction.
type coder struct {
	r   *cursor.Reader // set when reading
	w   *cursor.Writer // set when writing
	err error          // first error of writing
}

func (c *coder) reading() bool { return c.r != nil }

// fail records an error of either direction.
func (c *coder) fail(field string, err error) {
	if c.reading() {
		c.r.Fail(field, err)
	} else if c.err == nil {
		c.err = fmt.Errorf("%s: %w", field, err)
	}
}

func (c *coder) u8(field string, v *uint8) {
	if c.reading() {
		*v = c.r.U8(field)
	} else {
		c.w.U8(*v)
	}
}

func (c *coder) u16(field string, v *uint16) {
	if c.reading() {
		*v = c.r.U16(field)
	} else {
		c.w.U16(*v)
	}
}

func (c *coder) u32(field string, v *uint32) {
	if c.reading() {
		*v = c.r.U32(field)
	} else {
		c.w.U32(*v)
	}
}

// enum is one byte that must be in first..last.
func (c *coder) enum(field string, v *uint8, first, last uint8) {
	c.u8(field, v)
	if *v < first || *v > last {
		c.fail(field, fmt.Errorf("%d is none of %d..%d", *v, first, last))
	}
}

// flag is one byte, 0 or 1.
func (c *coder) flag(field string, v *bool) {
	var b uint8
	if *v {
		b = 1
	}
	c.enum(field, &b, 0, 1)
	*v = b == 1
}

// time is a count of seconds since 1970; the zero time is 0. Fractions are dropped.
func (c *coder) time(field string, v *time.Time) {
	var seconds int64
	if !c.reading() {
		if !v.IsZero() {
			seconds = v.Unix()
		}
		c.w.U64(uint64(seconds))
	} else {
		seconds = int64(c.r.U64(field))
		if *v = (time.Time{}); seconds != 0 {
			*v = time.Unix(seconds, 0).UTC()
		}
	}
	if seconds < 0 || seconds > lastSecond {
		c.fail(field, fmt.Errorf("%d is no second of 1970..9999", seconds))
	}
}

// text is UTF-8 behind its length in 16 bits.
func (c *coder) text(field string, v *string) {
	n := uint16(min(len(*v), MaxText+1))
	c.u16(field, &n)
	if n > MaxText {
		c.fail(field, fmt.Errorf("text is longer than %d bytes", MaxText))
		return
	}
	if c.reading() {
		*v = string(c.r.Bytes(field, int(n)))
	} else {
		c.w.Append([]byte(*v))
	}
	if !utf8.ValidString(*v) {
		c.fail(field, errors.New("text is not UTF-8"))
	}
}

// blob is bytes behind their length in 32 bits.
func (c *coder) blob(field string, v *[]byte) {
	n := uint32(min(len(*v), MaxBlob+1))
	c.u32(field, &n)
	if n > MaxBlob {
		c.fail(field, fmt.Errorf("more than %d bytes", MaxBlob))
		return
	}
	if !c.reading() {
		c.w.Append(*v)
	} else if n > 0 {
		*v = append([]byte(nil), c.r.Bytes(field, int(n))...)
	}
}

// hardware is the 20 bytes of a hardware id.
func (c *coder) hardware(field string, v *hwid.ID) {
	if c.reading() {
		c.r.Copy(field, v[:])
	} else {
		c.w.Append(v[:])
	}
}

// list is elements behind their count in 16 bits. Elements are made as they are
// read, so that a count without its elements costs no memory.
func list[T any](c *coder, field string, v *[]T, most int, each func(*coder, *T)) {
	n := uint16(min(len(*v), most+1))
	c.u16(field, &n)
	if int(n) > most {
		c.fail(field, fmt.Errorf("more than %d elements", most))
		return
	}
	if !c.reading() {
		for i := range *v {
			each(c, &(*v)[i])
		}
		return
	}
	for range n {
		var element T
		each(c, &element)
		if c.r.Err() != nil {
			return
		}
		*v = append(*v, element)
	}
}

func (c *coder) texts(field string, v *[]string, most int) {
	list(c, field, v, most, func(c *coder, s *string) { c.text(field, s) })
}

func (c *coder) blobs(field string, v *[][]byte, most int) {
	list(c, field, v, most, func(c *coder, b *[]byte) { c.blob(field, b) })
}
