package rdpconn

import (
	"errors"
	"fmt"

	"github.com/tslab/tslab/wire/rdp"
)

// maxRects is what one packet of output may carry: an MCS SendData less the largest
// headers. The fast path could take more, but one figure serves both.
const maxRects = rdp.MaxUserData - 64

var errNotActive = errors.New("connection is not active: call Activate first")

// usable refuses session calls of the wrong role or before Activate.
func (c *Conn) usable(server bool) error {
	if (c.server != nil) != server {
		return &ProtocolError{Sent, StepSession, errors.New("not for this role")}
	}
	if !c.active {
		return &ProtocolError{Sent, StepSession, errNotActive}
	}
	return nil
}

// WriteBitmap draws rectangles of any size; it cuts them to what a packet carries.
// Their depth is the desktop's. Server only.
func (c *Conn) WriteBitmap(rects []rdp.BitmapRect) error {
	if err := c.usable(true); err != nil {
		return err
	}
	var batch []rdp.BitmapRect
	size := rdp.BitmapOverhead
	for _, whole := range rects {
		if err := whole.Check(); err != nil {
			return &ProtocolError{Sent, StepSession, err}
		}
		for _, r := range cut(whole) {
			if size+r.WireSize() > maxRects {
				if err := c.writeRects(batch); err != nil {
					return err
				}
				batch, size = batch[:0], rdp.BitmapOverhead
			}
			batch = append(batch, r)
			size += r.WireSize()
		}
	}
	return c.writeRects(batch)
}

// cut splits a rectangle into some that fit a packet each: strips of whole rows,
// or of parts of rows where a row is too long.
func cut(r rdp.BitmapRect) []rdp.BitmapRect {
	const room = maxRects - rdp.BitmapOverhead - rdp.RectOverhead
	size := rdp.BytesPerPixel(r.Bpp)
	if r.WireSize() <= room+rdp.RectOverhead {
		return []rdp.BitmapRect{r}
	}
	columns := min(int(r.Width), room/size&^3)
	rows := max(1, room/(size*((columns+3)&^3)))
	var out []rdp.BitmapRect
	for y := 0; y < int(r.Height); y += rows {
		for x := 0; x < int(r.Width); x += columns {
			out = append(out, part(r, x, y, min(columns, int(r.Width)-x), min(rows, int(r.Height)-y)))
		}
	}
	return out
}

// part copies a piece of a rectangle.
func part(r rdp.BitmapRect, x, y, width, height int) rdp.BitmapRect {
	size := rdp.BytesPerPixel(r.Bpp)
	p := rdp.BitmapRect{Left: r.Left + uint16(x), Top: r.Top + uint16(y), Width: uint16(width), Height: uint16(height), Bpp: r.Bpp}
	stride := int(r.Width) * size
	if width == int(r.Width) {
		p.Pixels = r.Pixels[y*stride : (y+height)*stride]
		return p
	}
	p.Pixels = make([]byte, 0, width*height*size)
	for row := y; row < y+height; row++ {
		at := row*stride + x*size
		p.Pixels = append(p.Pixels, r.Pixels[at:at+width*size]...)
	}
	return p
}

func (c *Conn) writeRects(rects []rdp.BitmapRect) error {
	if len(rects) == 0 {
		return nil
	}
	return c.writeUpdate("Bitmap Update", rdp.FastPathBitmap, rdp.AppendBitmapUpdate(nil, rects))
}

// writeUpdate sends an update by the fast path if the client takes that.
func (c *Conn) writeUpdate(name string, code uint8, body []byte) error {
	c.writeMu.Lock()
	fast := c.fastOut
	c.writeMu.Unlock()
	if fast {
		return c.writeFast(name, rdp.FastPathUpdate{Code: code, Data: body}.Append(nil), 0)
	}
	return c.writeShare(StepSession, name, rdp.DataUpdate, body)
}

// WritePalette sends the 256 colors of a session of 8 bits. Server only.
func (c *Conn) WritePalette(p rdp.Palette) error {
	if err := c.usable(true); err != nil {
		return err
	}
	return c.writeUpdate("Palette Update", rdp.FastPathPalette, rdp.AppendPaletteUpdate(nil, &p))
}

// WriteLogon sends Save Session Info, "a user has logged on". Server only.
func (c *Conn) WriteLogon() error {
	if err := c.usable(true); err != nil {
		return err
	}
	return c.writeShare(StepSession, "Save Session Info", rdp.DataSaveSession, rdp.AppendLogonNotify(nil))
}

// WriteLogonError sends Save Session Info, "the logon failed", to a client that
// announced that it understands; otherwise it does nothing. Server only.
func (c *Conn) WriteLogonError(reason rdp.LogonFailure) error {
	if err := c.usable(true); err != nil || c.info.Flags&rdp.InfoLogonErrors == 0 {
		return err
	}
	return c.writeShare(StepSession, "Save Session Info", rdp.DataSaveSession, rdp.AppendLogonError(nil, reason))
}

// SetErrorInfo tells the client why the connection will end, if it announced that
// it understands; otherwise it does nothing. Server only, after Activate.
func (c *Conn) SetErrorInfo(code uint32) error {
	if err := c.usable(true); err != nil || !c.SupportsErrorInfo() {
		return err
	}
	return c.writeShare(StepSession, "Set Error Info", rdp.DataErrorInfo, rdp.AppendErrorInfo(nil, code))
}

// ReadInput waits for the next input of the client, for ever. An end of the
// connection is a PeerError that wraps ErrDisconnected. Server only.
func (c *Conn) ReadInput() ([]rdp.InputEvent, error) {
	if err := c.usable(true); err != nil {
		return nil, err
	}
	for {
		in, err := c.next(false)
		if err != nil {
			return nil, err
		}
		events, err := c.events(in)
		if err != nil {
			return nil, c.bad(err)
		}
		if len(events) > 0 {
			return events, nil
		}
	}
}

// events is the input in a packet; none if it is about something else.
func (c *Conn) events(in inbound) (events []rdp.InputEvent, err error) {
	if in.fastPath {
		c.received("Input", in)
		return rdp.ParseFastInput(in.data, in.events)
	}
	err = c.eachShare(in, func(s rdp.Share) error {
		if s.Kind == rdp.ShareFlow {
			return nil
		}
		if s.Kind != rdp.ShareData {
			return fmt.Errorf("share control PDU %d in a session", s.Kind)
		}
		d, err := rdp.ParseData(s.Body)
		if err != nil {
			return err
		}
		c.received(dataName(d.Kind), in)
		switch d.Kind {
		case rdp.DataInput:
			more, err := rdp.ParseSlowInput(d.Body)
			events = append(events, more...)
			return err
		case rdp.DataRefreshRect:
			events = append(events, rdp.InputEvent{Kind: rdp.InputRefresh})
		case rdp.DataShutdown:
			return c.gone("shutdown request", 0)
		}
		return nil
	})
	return events, err
}
