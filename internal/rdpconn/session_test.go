package rdpconn_test

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/internal/rdpconn"
	"github.com/tslab/tslab/wire/rdp"
	"github.com/tslab/tslab/wire/rdpsec"
)

// connect is a pair of active connections.
func connect(t *testing.T, sc *rdpconn.ServerConfig, cc *rdpconn.ClientConfig) (server, client *rdpconn.Conn) {
	t.Helper()
	server, client, serr, cerr := pair(t, sc, cc)
	if serr != nil || cerr != nil {
		t.Fatalf("server: %v; client: %v", serr, cerr)
	}
	done := make(chan error, 1)
	go func() { done <- server.Activate(server.Desktop()) }()
	if err := client.Activate(rdp.Desktop{}); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Abort(); server.Abort() })
	return server, client
}

// TestKeyUpdates sends more than two keys' worth of packets in both directions, by
// both paths, with both kinds of signature.
func TestKeyUpdates(t *testing.T) {
	const packets = 2*4096 + 100
	for _, m := range methods[1:] {
		for _, slow := range []bool{false, true} {
			t.Run(fmt.Sprintf("%v slow path %v", m, slow), func(t *testing.T) {
				t.Parallel()
				sc, cc := replayConfigs(t, m)
				sc.SlowPath, sc.SaltedMAC, cc.SaltedMAC = slow, slow, !slow
				server, client := connect(t, sc, cc)
				errs := make(chan error, 3)
				go func() {
					for i := range packets {
						r := rdp.BitmapRect{Width: 1, Height: 1, Bpp: 16, Pixels: []byte{byte(i), byte(i >> 8)}}
						if err := server.WriteBitmap([]rdp.BitmapRect{r}); err != nil {
							errs <- err
							return
						}
					}
					errs <- nil
				}()
				go func() {
					for i := range packets {
						if err := client.WriteInput([]rdp.InputEvent{{Kind: rdp.InputUnicode, Code: uint16(i)}}); err != nil {
							errs <- err
							return
						}
					}
					errs <- nil
				}()
				go func() {
					for i := range packets {
						events, err := server.ReadInput()
						if err != nil || events[0].Code != uint16(i) {
							errs <- fmt.Errorf("input %d: %v, %w", i, events, err)
							return
						}
					}
					errs <- nil
				}()
				for i := range packets {
					u, err := client.ReadUpdate()
					if err != nil || !bytes.Equal(u.Rects[0].Pixels, []byte{byte(i), byte(i >> 8)}) {
						t.Fatalf("update %d: %+v, %v", i, u, err)
					}
				}
				for range 3 {
					if err := <-errs; err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
}

// TestTranscript is what both ends tell of a connection under 128 bits.
func TestTranscript(t *testing.T) {
	for _, m := range []rdpsec.Method{rdpsec.Method128, rdpsec.MethodNone} {
		sc, cc := replayConfigs(t, m)
		var mu sync.Mutex
		told := map[string][]string{}
		data := map[string][][]byte{}
		listen := func(who string) func(rdpconn.Record) {
			return func(r rdpconn.Record) {
				mu.Lock()
				defer mu.Unlock()
				line := r.PDU
				if r.License != 0 {
					line = fmt.Sprintf("%s %02x", line, r.License)
				}
				if r.Sealed {
					line += " sealed"
				}
				told[who+r.Direction.String()] = append(told[who+r.Direction.String()], line)
				data[who+r.Direction.String()] = append(data[who+r.Direction.String()], bytes.Clone(r.Data))
			}
		}
		sc.Transcript, cc.Transcript = listen("server "), listen("client ")
		a, b := pipe()
		done := make(chan error, 1)
		go func() { done <- serverPart(t, a, sc) }()
		if err := clientPart(t, b, cc); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(data["client sent"], data["server received"]); diff != "" {
			t.Errorf("%v: what the client sent and the server received differs:\n%s", m, diff)
		}
		sealed := ""
		want := []string{"X.224 Connection Request", "MCS Connect-Initial", "Erect Domain Request", "Attach User Request",
			"Channel Join Request", "Channel Join Request", "Channel Join Request"}
		if m != rdpsec.MethodNone {
			sealed = " sealed"
			want = append(want, "Security Exchange")
		}
		for _, s := range []string{"Client Info", "licensing ff", "Confirm Active", "Synchronize", "Control", "Control", "Font List", "Input", "Input", "Input"} {
			want = append(want, s+sealed)
		}
		if diff := cmp.Diff(want, told["server received"]); diff != "" {
			t.Errorf("%v: server received (-want +got):\n%s", m, diff)
		}
		if !bytes.Contains(bytes.Join(data["server received"], nil), []byte("s\x00e\x00c\x00r\x00e\x00t")) {
			t.Error("Client Info is not in the clear")
		}
	}
}

// TestFarewells are the ways in which a client leaves a session.
func TestFarewells(t *testing.T) {
	for name, packet := range map[string][]byte{
		"ultimatum":     rdp.AppendX224Data(nil, rdp.MCS{Kind: rdp.MCSUltimatum, Reason: rdp.ReasonUserRequested}.Append(nil)),
		"rdesktop's":    rdp.AppendX224Data(nil, []byte{0x30, 6, 2, 2, 0, 3, 0x30, 0}),
		"X.224's":       rdp.AppendX224Disconnect(nil),
		"shutdown":      nil,
		"without words": {},
	} {
		t.Run(name, func(t *testing.T) {
			sc, cc := replayConfigs(t, rdpsec.MethodNone)
			a, b := tcpPair(t)
			done := make(chan error, 1)
			go func() {
				err := serverPart(t, a, sc)
				done <- err
			}()
			client, err := rdpconn.Dial(t.Context(), b, cc)
			if err != nil {
				t.Fatal(err)
			}
			client.WriteLicense(validClient)
			client.ReadLicense()
			if err := client.Activate(rdp.Desktop{}); err != nil {
				t.Fatal(err)
			}
			if packet == nil {
				d := rdp.Data{Kind: rdp.DataShutdown, ShareID: rdp.ServerShareID}.Append(nil, 1005)
				packet = rdp.AppendX224Data(nil, rdp.MCS{Kind: rdp.MCSSendRequest, Initiator: 1005, Channel: rdp.IOChannel, Data: d}.Append(nil))
			}
			b.Write(packet)
			if len(packet) == 0 {
				b.Close()
			}
			err = <-done
			if gone := errors.Is(err, rdpconn.ErrDisconnected); gone != (len(packet) > 0) || err == nil {
				t.Errorf("ReadInput = %v", err)
			}
		})
	}
}

// TestErrorInfo is sent to a client that announced it, and to no other.
func TestErrorInfo(t *testing.T) {
	for _, announced := range []bool{true, false} {
		sc, cc := replayConfigs(t, rdpsec.Method128)
		cc.NoErrorInfo = !announced
		server, client := connect(t, sc, cc)
		if err := server.SetErrorInfo(0x101); err != nil {
			t.Fatal(err)
		}
		go server.Close()
		var got uint32
		for {
			u, err := client.ReadUpdate()
			if err != nil {
				var peer *rdpconn.PeerError
				if !errors.As(err, &peer) || peer.Code != got {
					t.Errorf("end %v, want code %#x", err, got)
				}
				break
			}
			got |= u.ErrorInfo
		}
		if want := map[bool]uint32{true: 0x101}[announced]; got != want {
			t.Errorf("announced %v: error info %#x, want %#x", announced, got, want)
		}
	}
}

// TestAnswersAtOnce holds the rule that rdesktop needs: each of the client's three
// PDUs is answered before the next has to come, and the font list by one PDU.
func TestAnswersAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pipe()
		sc, cc := replayConfigs(t, rdpsec.MethodNone)
		go func() {
			c, err := rdpconn.Accept(t.Context(), a, sc)
			if err == nil {
				c.Activate(c.Desktop())
			}
		}()
		if _, err := rdpconn.Dial(t.Context(), b, cc); err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		defer b.Close()
		send := func(data []byte) {
			m := rdp.MCS{Kind: rdp.MCSSendRequest, Initiator: 1005, Channel: rdp.IOChannel, Data: data}
			b.Write(rdp.AppendX224Data(nil, m.Append(nil)))
		}
		data := func(kind rdp.DataKind, body []byte) []byte {
			return rdp.Data{Kind: kind, ShareID: rdp.ServerShareID, Body: body}.Append(nil, 1005)
		}
		confirm := rdp.ConfirmActive{ShareID: rdp.ServerShareID, Originator: rdp.ServerChannel, Capabilities: rdp.ClientCapabilities(rdp.Desktop{}, true, 0)}
		for _, step := range []struct {
			send []byte
			want rdp.DataKind
		}{
			{rdp.Share{Kind: rdp.ShareConfirmActive, Source: 1005, Body: confirm.Append(nil)}.Append(nil), 0},
			{data(rdp.DataSynchronize, rdp.AppendSynchronize(nil, 1002)), rdp.DataSynchronize},
			{data(rdp.DataControl, rdp.Control{Action: rdp.ControlCooperate}.Append(nil)), rdp.DataControl},
			{data(rdp.DataControl, rdp.Control{Action: rdp.ControlRequest}.Append(nil)), rdp.DataControl},
			{data(rdp.DataPersistentKeys, nil), 0},
			{data(rdp.DataFontList, rdp.AppendFontList(nil)), rdp.DataFontMap},
		} {
			send(step.send)
			synctest.Wait()
			if got := lastShare(t, b); got != step.want {
				t.Errorf("answer %#x, want %#x", got, step.want)
			}
		}
	})
}

// lastShare reads what has come and returns the kind of the one share data PDU in
// it, 0 if there is none.
func lastShare(t *testing.T, c net.Conn) (kind rdp.DataKind) {
	t.Helper()
	buf := make([]byte, 1<<16)
	n := 0
	for {
		c.SetReadDeadline(time.Now().Add(time.Millisecond))
		m, err := c.Read(buf[n:])
		n += m
		if err != nil {
			break
		}
	}
	for _, p := range packets(t, buf[:n]) {
		_, content, err := rdp.ParseX224(p)
		if err != nil {
			t.Fatal(err)
		}
		m, err := rdp.ParseMCS(content)
		if err != nil {
			t.Fatal(err)
		}
		s, _, err := rdp.ParseShare(m.Data)
		if err != nil {
			t.Fatal(err)
		}
		if s.Kind != rdp.ShareData {
			continue // Demand Active
		}
		d, err := rdp.ParseData(s.Body)
		if err != nil || kind != 0 {
			t.Fatalf("more than one PDU, or %v", err)
		}
		kind = d.Kind
	}
	return kind
}

// TestClose may come from elsewhere while a read waits, and more than once.
func TestClose(t *testing.T) {
	sc, cc := replayConfigs(t, rdpsec.Method128)
	server, client := connect(t, sc, cc)
	done := make(chan error, 1)
	go func() {
		_, err := server.ReadInput()
		done <- err
	}()
	go client.ReadUpdate() // sees the farewell
	if err := client.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; !errors.Is(err, rdpconn.ErrDisconnected) {
		t.Errorf("ReadInput = %v", err)
	}
	server.Close()
	if err := client.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	if err := client.WriteInput([]rdp.InputEvent{{Kind: rdp.InputSync}}); err == nil {
		t.Error("WriteInput after Close: no error")
	}
}

// TestBitmapsOfAnySize are cut to packets and arrive whole.
func TestBitmapsOfAnySize(t *testing.T) {
	for _, bpp := range []uint16{8, 15, 16, 24, 32} {
		for _, slow := range []bool{true, false} {
			sc, cc := replayConfigs(t, rdpsec.MethodNone)
			sc.SlowPath, cc.Desktop = slow, rdp.Desktop{Width: 6000, Height: 100, Bpp: bpp}
			server, client := connect(t, sc, cc)
			big := rectangle(0, 0, 6000, 7, bpp)
			odd := rectangle(6, 20, 333, 77, bpp)
			go func() {
				server.WriteBitmap([]rdp.BitmapRect{big, odd})
				server.Close()
			}()
			size := rdp.BytesPerPixel(bpp)
			screen, want := make([]byte, 6000*100*size), make([]byte, 6000*100*size)
			paint(want, []rdp.BitmapRect{big, odd}, size)
			for {
				u, err := client.ReadUpdate()
				if err != nil {
					break
				}
				paint(screen, u.Rects, size)
			}
			if !bytes.Equal(screen, want) {
				t.Errorf("%d bits, slow path %v: the screen is not what was drawn", bpp, slow)
			}
			client.Close()
		}
	}
}

// paint is draw for a screen 6000 wide.
func paint(screen []byte, rects []rdp.BitmapRect, size int) {
	for _, r := range rects {
		row := int(r.Width) * size
		for y := range int(r.Height) {
			copy(screen[((int(r.Top)+y)*6000+int(r.Left))*size:][:row], r.Pixels[y*row:])
		}
	}
}
