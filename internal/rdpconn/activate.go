package rdpconn

import (
	"errors"
	"fmt"
	"time"

	"github.com/tslab/tslab/wire/rdp"
)

// Activate goes through the capability exchange, Demand Active to Font Map. The
// server announces the desktop; the client takes the server's and ignores its argument.
func (c *Conn) Activate(desktop rdp.Desktop) error {
	c.begin(StepActivate)
	var err error
	if c.server != nil {
		err = c.serverActivate(desktop)
	} else {
		err = c.clientActivate()
	}
	if err != nil {
		return err
	}
	c.step, c.active = StepSession, true
	c.nc.SetReadDeadline(time.Time{})
	return nil
}

// serverActivate sends Demand Active and answers each of the client's PDUs at once:
// rdesktop wants its three answers before it sends the font list, and exactly one
// PDU after it, and takes whatever comes in their places for them.
func (c *Conn) serverActivate(desktop rdp.Desktop) error {
	c.desktop = desktop
	demand := rdp.DemandActive{ShareID: c.shareID, Descriptor: []byte("RDP\x00"),
		Capabilities: rdp.ServerCapabilities(desktop, !c.server.SlowPath)}
	share := rdp.Share{Kind: rdp.ShareDemandActive, Source: c.source, Body: demand.Append(nil)}
	err := c.writeData(outbound{step: c.step, name: "Demand Active", plain: c.plainOut(), data: share.Append(nil)})
	if err != nil {
		return err
	}
	confirmed := false
	for done := false; !done; {
		in, err := c.next(false)
		if err != nil {
			return err
		}
		if in.fastPath {
			continue // input before the session is of no use
		}
		err = c.eachShare(in, func(s rdp.Share) error {
			switch {
			case s.Kind == rdp.ShareConfirmActive:
				confirmed = true
				return c.confirmActive(s, in)
			case s.Kind == rdp.ShareData && confirmed:
				done, err = c.finalize(s, in)
				return err
			case s.Kind == rdp.ShareFlow:
				return nil
			}
			return fmt.Errorf("share control PDU %d out of order", s.Kind)
		})
		if err != nil {
			return c.bad(err)
		}
	}
	return nil
}

// eachShare calls f for each share control PDU of a packet.
func (c *Conn) eachShare(in inbound, f func(rdp.Share) error) error {
	for rest := in.data; len(rest) > 0; {
		s, after, err := rdp.ParseShare(rest)
		if err != nil {
			return err
		}
		if err := f(s); err != nil {
			return err
		}
		rest = after
	}
	return nil
}

// confirmActive takes the client's capabilities.
func (c *Conn) confirmActive(s rdp.Share, in inbound) error {
	c.received("Confirm Active", in)
	m, err := rdp.ParseConfirmActive(s.Body)
	if err != nil {
		return err
	}
	if m.ShareID != c.shareID {
		return fmt.Errorf("confirm active: share id %#x, want %#x", m.ShareID, c.shareID)
	}
	c.writeMu.Lock()
	c.fastOut = !c.server.SlowPath && rdp.FastPathOutput(m.Capabilities)
	c.writeMu.Unlock()
	return nil
}

// finalize answers a PDU of the client's finalization; done says that the last, the
// font list, has come. What else a client may send by then is ignored.
func (c *Conn) finalize(s rdp.Share, in inbound) (done bool, err error) {
	d, err := rdp.ParseData(s.Body)
	if err != nil {
		return false, err
	}
	c.received(dataName(d.Kind), in)
	switch d.Kind {
	case rdp.DataSynchronize:
		if _, err := rdp.ParseSynchronize(d.Body); err != nil {
			return false, err
		}
		return false, c.writeShare(c.step, "Synchronize", rdp.DataSynchronize, rdp.AppendSynchronize(nil, rdp.ServerChannel))
	case rdp.DataControl:
		m, err := rdp.ParseControl(d.Body)
		if err != nil {
			return false, err
		}
		return false, c.answerControl(m)
	case rdp.DataFontList:
		return true, c.writeShare(c.step, "Font Map", rdp.DataFontMap, rdp.AppendFontMap(nil))
	case rdp.DataShutdown:
		return false, c.gone("shutdown request", 0)
	}
	return false, nil
}

func (c *Conn) answerControl(m rdp.Control) error {
	switch m.Action {
	case rdp.ControlCooperate:
		return c.writeShare(c.step, "Control (Cooperate)", rdp.DataControl, rdp.Control{Action: rdp.ControlCooperate}.Append(nil))
	case rdp.ControlRequest:
		granted := rdp.Control{Action: rdp.ControlGranted, GrantID: c.userID, ControlID: rdp.ServerChannel}
		return c.writeShare(c.step, "Control (Granted)", rdp.DataControl, granted.Append(nil))
	}
	return nil
}

// clientActivate waits for Demand Active, sends all of the client's part, and waits
// for Font Map.
func (c *Conn) clientActivate() error {
	demanded := false
	for mapped := false; !mapped; {
		in, err := c.next(false)
		if err != nil {
			return err
		}
		if in.fastPath {
			continue
		}
		err = c.eachShare(in, func(s rdp.Share) error {
			switch s.Kind {
			case rdp.ShareDemandActive:
				demanded = true
				return c.answerDemand(s, in)
			case rdp.ShareData:
				mapped, err = c.finalized(s, in, demanded)
				return err
			}
			return nil
		})
		if err != nil {
			return c.bad(err)
		}
	}
	return nil
}

// answerDemand sends Confirm Active and what follows it.
func (c *Conn) answerDemand(s rdp.Share, in inbound) error {
	c.received("Demand Active", in)
	m, err := rdp.ParseDemandActive(s.Body)
	if err != nil {
		return err
	}
	desktop, ok := rdp.DesktopOf(m.Capabilities)
	if !ok || rdp.BytesPerPixel(desktop.Bpp) == 0 {
		return errors.New("demand active: no usable bitmap capability set")
	}
	c.desktop, c.shareID = desktop, m.ShareID
	c.writeMu.Lock()
	c.fastOut = !c.client.SlowPath && rdp.FastPathInput(m.Capabilities)
	c.writeMu.Unlock()
	confirm := rdp.ConfirmActive{ShareID: m.ShareID, Originator: rdp.ServerChannel, Descriptor: []byte("MSTSC\x00"),
		Capabilities: rdp.ClientCapabilities(desktop, !c.client.SlowPath, c.data.Core.Keyboard)}
	share := rdp.Share{Kind: rdp.ShareConfirmActive, Source: c.source, Body: confirm.Append(nil)}
	if err := c.writeData(outbound{step: c.step, name: "Confirm Active", data: share.Append(nil)}); err != nil {
		return err
	}
	for _, p := range []struct {
		name string
		kind rdp.DataKind
		body []byte
	}{
		{"Synchronize", rdp.DataSynchronize, rdp.AppendSynchronize(nil, rdp.ServerChannel)},
		{"Control (Cooperate)", rdp.DataControl, rdp.Control{Action: rdp.ControlCooperate}.Append(nil)},
		{"Control (Request)", rdp.DataControl, rdp.Control{Action: rdp.ControlRequest}.Append(nil)},
		{"Font List", rdp.DataFontList, rdp.AppendFontList(nil)},
	} {
		if err := c.writeShare(c.step, p.name, p.kind, p.body); err != nil {
			return err
		}
	}
	return nil
}

// finalized looks at a share data PDU that came before the session; mapped says
// that it was the font map.
func (c *Conn) finalized(s rdp.Share, in inbound, demanded bool) (mapped bool, err error) {
	d, err := rdp.ParseData(s.Body)
	if err != nil {
		return false, err
	}
	c.received(dataName(d.Kind), in)
	switch d.Kind {
	case rdp.DataErrorInfo:
		code, err := rdp.ParseErrorInfo(d.Body)
		c.farewell = code
		return false, err
	case rdp.DataFontMap:
		if !demanded {
			return false, errors.New("font map before demand active")
		}
		return true, nil
	}
	return false, nil
}

// dataName names a share data PDU for a transcript.
func dataName(k rdp.DataKind) string {
	switch k {
	case rdp.DataUpdate:
		return "Update"
	case rdp.DataControl:
		return "Control"
	case rdp.DataPointer:
		return "Pointer"
	case rdp.DataInput:
		return "Input"
	case rdp.DataSynchronize:
		return "Synchronize"
	case rdp.DataSaveSession:
		return "Save Session Info"
	case rdp.DataFontList:
		return "Font List"
	case rdp.DataFontMap:
		return "Font Map"
	case rdp.DataErrorInfo:
		return "Set Error Info"
	case rdp.DataPersistentKeys:
		return "Persistent Key List"
	}
	return fmt.Sprintf("share data %#02x", uint8(k))
}
