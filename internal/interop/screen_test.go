package interop

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/tslab/tslab/internal/control"
	"github.com/tslab/tslab/internal/harness"
)

// coarseness is what a color component may lose on its way through a session of 16
// bits a pixel.
const coarseness = 8

// drawn is what the server says that it has drawn for its client, nil before that.
func (s *server) drawn(ctx context.Context) (image.Image, error) {
	var screens []struct {
		PNG []byte `json:"png"`
	}
	if err := control.Call(ctx, s.dir, "screens", nil, &screens); err != nil {
		return nil, err
	}
	if len(screens) == 1 { // one client at a time
		return png.Decode(bytes.NewReader(screens[0].PNG))
	}
	return nil, nil
}

// compareScreens waits until the client's screen shows what the server has drawn.
func (s *server) compareScreens(ctx context.Context, t *testing.T, c *client, display *harness.Display) image.Image {
	t.Helper()
	var difference error
	var shot image.Image
	err := harness.Until(ctx, "the client's screen", func() (bool, error) {
		want, err := s.drawn(ctx)
		if want == nil || err != nil {
			return false, err
		}
		if shot, err = display.Shot(ctx); err != nil {
			return false, err
		}
		difference = compare(shot, want)
		return difference == nil, nil
	})
	if err != nil {
		t.Errorf("%s: %v: %v; see %s", c.name, err, difference, keep(t, shot))
	}
	return shot
}

// compare says where two pictures differ.
func compare(got, want image.Image) error {
	if got.Bounds().Size() != want.Bounds().Size() {
		return fmt.Errorf("the screen is %v, the server draws %v", got.Bounds().Size(), want.Bounds().Size())
	}
	size, count := got.Bounds().Size(), 0
	var first string
	for y := range size.Y {
		for x := range size.X {
			a, b := got.At(x, y), want.At(x, y)
			if !alike(a, b) {
				if count++; count == 1 {
					first = fmt.Sprintf("at %d,%d it shows %v, the server draws %v", x, y, a, b)
				}
			}
		}
	}
	if count == 0 {
		return nil
	}
	return fmt.Errorf("%d of %d pixels differ, the first %s", count, size.X*size.Y, first)
}

func alike(a, b color.Color) bool {
	r1, g1, b1, _ := a.RGBA()
	r2, g2, b2, _ := b.RGBA()
	return near(r1, r2) && near(g1, g2) && near(b1, b2)
}

func near(a, b uint32) bool {
	return max(a, b)>>8-min(a, b)>>8 <= coarseness
}

// keep writes the picture where a failed test leaves things.
func keep(t *testing.T, img image.Image) string {
	if img == nil {
		return "nothing"
	}
	path := filepath.Join(t.ArtifactDir(), "screen.png")
	if err := writePNG(path, img); err != nil {
		return err.Error()
	}
	return path
}

func writePNG(path string, img image.Image) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(f, img); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// drawPicture leaves the picture that README shows: the second connection of a
// rdesktop, which holds a CAL.
func drawPicture(t *testing.T, path string) {
	server, display := startServer(t, "128"), startDisplay(t)
	client := newClient(t, cell{"rdesktop", "128"}, display.Name)
	ctx, cancel := context.WithTimeout(t.Context(), stepBound)
	defer cancel()
	server.connection(ctx, t, client, display, true)
	p := client.start(t, false)
	defer p.Kill()
	server.awaitSession(ctx, t, p)
	shot := server.compareScreens(ctx, t, client, display)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := writePNG(path, shot); err != nil {
		t.Fatal(err)
	}
}
