package rdpconn

import (
	"errors"
	"fmt"
	"slices"

	"github.com/tslab/tslab/wire/rdp"
)

const (
	maxAssembled  = 1 << 20 // of an update in fragments
	maxInputBatch = 200     // input events in one packet
)

// Update is something that the server sent to an active client.
type Update struct {
	Rects     []rdp.BitmapRect
	Palette   *rdp.Palette
	ErrorInfo uint32 // why the server will end the connection, 0 for no reason
	Logon     bool   // Save Session Info came: the user has logged on

	// LogonFailed: Save Session Info says that a logon failed, and why. The server
	// waits for another at its logon screen.
	LogonFailed bool
	LogonReason rdp.LogonFailure

	Other string // the name of an update that is not decoded
}

// ReadUpdate waits for what the server sends, for ever. An end of the connection is
// a PeerError that wraps ErrDisconnected and has the last error info's code. Client only.
func (c *Conn) ReadUpdate() (Update, error) {
	if err := c.usable(false); err != nil {
		return Update{}, err
	}
	for len(c.pending) == 0 {
		in, err := c.next(false)
		if err != nil {
			return Update{}, err
		}
		if in.fastPath {
			err = c.fastUpdates(in)
		} else {
			err = c.eachShare(in, func(s rdp.Share) error { return c.shareUpdate(s, in) })
		}
		if err != nil {
			return Update{}, c.bad(err)
		}
	}
	u := c.pending[0]
	c.pending = slices.Delete(c.pending, 0, 1)
	return u, nil
}

// shareUpdate takes a share control PDU of an active session.
func (c *Conn) shareUpdate(s rdp.Share, in inbound) error {
	switch s.Kind {
	case rdp.ShareData:
		return c.dataUpdate(s, in)
	case rdp.ShareDemandActive: // the server begins anew, after Deactivate All
		return c.answerDemand(s, in)
	case rdp.ShareRedirect:
		return errors.New("server redirects the session elsewhere")
	}
	return nil
}

func (c *Conn) dataUpdate(s rdp.Share, in inbound) error {
	d, err := rdp.ParseData(s.Body)
	if err != nil {
		return err
	}
	c.received(dataName(d.Kind), in)
	u := Update{}
	switch d.Kind {
	case rdp.DataUpdate:
		return c.graphics(d.Body)
	case rdp.DataErrorInfo:
		u.ErrorInfo, err = rdp.ParseErrorInfo(d.Body)
		c.farewell = u.ErrorInfo
	case rdp.DataSaveSession:
		var info rdp.LogonInfo
		info, err = rdp.ParseLogonInfo(d.Body)
		u.Logon, u.LogonFailed, u.LogonReason = err == nil && !info.Failed, info.Failed, info.Reason
	default:
		u.Other = dataName(d.Kind)
	}
	c.pending = append(c.pending, u)
	return err
}

// graphics takes an update as both paths carry it.
func (c *Conn) graphics(body []byte) error {
	g, err := rdp.ParseUpdate(body)
	if err != nil {
		return err
	}
	u := Update{Rects: g.Rects, Palette: g.Palette}
	if g.Other != 0 || len(g.Rects) == 0 && g.Palette == nil {
		u.Other = fmt.Sprintf("update %d", g.Other)
	}
	c.pending = append(c.pending, u)
	return nil
}

// fastUpdates takes a packet of fast-path output.
func (c *Conn) fastUpdates(in inbound) error {
	c.received("Fast-Path Update", in)
	updates, err := rdp.ParseFastPathUpdates(in.data)
	if err != nil {
		return err
	}
	for _, u := range updates {
		data, whole, err := c.assemble(u)
		if err != nil {
			return err
		}
		if !whole {
			continue
		}
		if u.Code == rdp.FastPathBitmap || u.Code == rdp.FastPathPalette {
			if err := c.graphics(data); err != nil {
				return err
			}
			continue
		}
		c.pending = append(c.pending, Update{Other: fmt.Sprintf("fast-path update %d", u.Code)})
	}
	return nil
}

// assemble puts the fragments of an update together.
func (c *Conn) assemble(u rdp.FastPathUpdate) (data []byte, whole bool, err error) {
	switch u.Fragment {
	case rdp.FragmentSingle:
		return u.Data, true, nil
	case rdp.FragmentFirst:
		c.parts = slices.Clone(u.Data)
		return nil, false, nil
	}
	if len(c.parts)+len(u.Data) > maxAssembled {
		return nil, false, fmt.Errorf("fast-path update of more than %d bytes in fragments", maxAssembled)
	}
	c.parts = append(c.parts, u.Data...)
	if u.Fragment == rdp.FragmentLast {
		data, c.parts = c.parts, nil
		return data, true, nil
	}
	return nil, false, nil
}

// WriteInput sends input, by the fast path if the server takes that. Client only.
func (c *Conn) WriteInput(events []rdp.InputEvent) error {
	if err := c.usable(false); err != nil {
		return err
	}
	c.writeMu.Lock()
	fast := c.fastOut
	c.writeMu.Unlock()
	for batch := range slices.Chunk(events, maxInputBatch) {
		var err error
		if fast {
			data, n := rdp.AppendFastInput(nil, batch)
			err = c.writeFast("Input", data, n)
		} else {
			err = c.writeShare(StepSession, "Input", rdp.DataInput, rdp.AppendSlowInput(nil, batch))
		}
		if err != nil {
			return err
		}
	}
	return nil
}
