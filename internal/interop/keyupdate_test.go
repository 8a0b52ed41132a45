package interop

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"net"
	"os/exec"
	"strings"
	"testing"

	"github.com/tslab/tslab/internal/harness"
	"github.com/tslab/tslab/internal/rdpconn"
	"github.com/tslab/tslab/wire/licensing"
	"github.com/tslab/tslab/wire/rdp"
	"github.com/tslab/tslab/wire/rdpsec"
)

// keyUpdates are the clients with the strengths that they have.
func keyUpdates() []cell {
	if !*full {
		return []cell{{"xfreerdp", "56"}, {"rdesktop", "40"}}
	}
	return []cell{{"rdesktop", "40"}, {"rdesktop", "128"}, {"xfreerdp", "40"}, {"xfreerdp", "56"}, {"xfreerdp", "128"}}
}

// TestKeyUpdates sends real clients more packets than two keys last, and takes more
// from them: what they show in the end is what was drawn last, and nothing that they
// typed has a wrong signature.
func TestKeyUpdates(t *testing.T) {
	for _, c := range keyUpdates() {
		for _, slow := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/%s/slow=%v", c.client, c.security, slow), func(t *testing.T) {
				t.Parallel()
				display := startDisplay(t)
				l, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				defer l.Close()
				p := clientAt(t.TempDir(), c, display.Name, l.Addr().String()).start(t, true)
				defer p.Kill()
				conn := acceptPlain(t, l, c.security, slow)
				defer conn.Close()
				drawMany(t, conn, display)
				if c.client == "xfreerdp" && !slow {
					typeMany(t, conn, display)
				}
			})
		}
	}
}

// acceptPlain takes the client to a session without a license.
func acceptPlain(t *testing.T, l net.Listener, security string, slow bool) *rdpconn.Conn {
	t.Helper()
	method, err := rdpsec.ParseMethod(security)
	if err != nil {
		t.Fatal(err)
	}
	key, err := rdpsec.GenerateKey(rand.Reader, 512)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), stepBound)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	nc, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := rdpconn.Accept(ctx, nc, &rdpconn.ServerConfig{
		Protocols: rdpconn.RDPOnly, Encryption: []rdpsec.Method{method}, Key: key, SlowPath: slow, EncryptLicensing: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.WriteLicense(licensing.Append(nil, licensing.ValidClient(), licensing.Version3)); err != nil {
		t.Fatal(err)
	}
	if err := conn.Activate(rdp.Desktop{Width: 800, Height: 600, Bpp: 16}); err != nil {
		t.Fatal(err)
	}
	return conn
}

// packets are more than two keys last.
const packets = 2*4096 + 500

// drawMany covers the screen with squares, over and over, a packet each.
func drawMany(t *testing.T, conn *rdpconn.Conn, display *harness.Display) {
	t.Helper()
	const side = 20
	columns, rows := desktop().X/side, desktop().Y/side
	want := image.NewRGBA(image.Rectangle{Max: desktop()})
	for n := range packets {
		at := image.Pt(n%columns*side, n/columns%rows*side)
		c := uint16(n * 2654435761 >> 5)
		pixels := make([]byte, 0, 2*side*side)
		for range side * side {
			pixels = append(pixels, byte(c), byte(c>>8))
		}
		err := conn.WriteBitmap([]rdp.BitmapRect{{Left: uint16(at.X), Top: uint16(at.Y), Width: side, Height: side, Bpp: 16, Pixels: pixels}})
		if err != nil {
			t.Fatalf("packet %d: %v", n, err)
		}
		shade := color.RGBA{uint8(c>>11) << 3, uint8(c>>5) << 2, uint8(c) << 3, 255}
		draw.Draw(want, image.Rectangle{at, at.Add(image.Pt(side, side))}, image.NewUniform(shade), image.Point{}, draw.Src)
	}
	ctx, cancel := context.WithTimeout(t.Context(), stepBound)
	defer cancel()
	var difference error
	err := harness.Until(ctx, "the client's screen", func() (bool, error) {
		shot, err := display.Shot(ctx)
		if err == nil {
			difference = compare(shot, want)
		}
		return difference == nil, err
	})
	if err != nil {
		t.Errorf("after %d packets: %v: %v", packets, err, difference)
	}
}

// typeMany moves the pointer over the client, a packet for each move, until the server
// has had more packets than two keys last.
func typeMany(t *testing.T, conn *rdpconn.Conn, display *harness.Display) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), stepBound)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { conn.Abort() })
	defer stop()
	var script strings.Builder
	for n := range 2000 {
		fmt.Fprintf(&script, "mousemove %d %d\n", 10+n%780, 10+n/780*3+n%2)
	}
	moving := make(chan error, 1)
	go func() {
		for ctx.Err() == nil {
			cmd := exec.CommandContext(ctx, "xdotool", "-")
			cmd.Env, cmd.Stdin = append(cmd.Environ(), "DISPLAY="+display.Name), strings.NewReader(script.String())
			if out, err := cmd.CombinedOutput(); err != nil && ctx.Err() == nil {
				moving <- fmt.Errorf("xdotool: %w: %s", err, out)
				return
			}
		}
		moving <- nil
	}()
	var failed error
	got := 0
	for got < packets && failed == nil {
		var events []rdp.InputEvent
		events, failed = conn.ReadInput()
		got += len(events)
	}
	cancel()
	if err := errors.Join(failed, <-moving); err != nil {
		t.Errorf("after %d of %d packets: %v", got, packets, err)
	}
}
