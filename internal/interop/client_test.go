package interop

import (
	"context"
	"image"
	"path/filepath"
	"testing"

	"github.com/tslab/tslab/internal/harness"
)

// desktop is the size of the session and of the display that shows it.
func desktop() image.Point { return image.Pt(800, 600) }

const geometry = "800x600"

func startDisplay(t *testing.T) *harness.Display {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), stepBound)
	defer cancel()
	d, err := harness.StartDisplay(ctx, t.TempDir(), desktop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

// client is a device: a program with a license store of its own.
type client struct {
	name  string
	home  string
	env   []string
	args  []string
	draws bool // on the display
	trust bool // asks on standard input whether to trust a certificate it sees first
}

// device is the name of the only device of a server.
const device = "PC-01"

func newClient(t *testing.T, c cell, display string) *client {
	t.Helper()
	return clientAt(t.TempDir(), c, display, address)
}

// clientAt is a device with its store in home that connects to addr.
func clientAt(home string, c cell, display, addr string) *client {
	all := &client{name: c.client, home: home, draws: true}
	all.env = []string{"HOME=" + home, "XDG_CONFIG_HOME=" + home + "/.config", "XDG_DATA_HOME=" + home + "/.local/share", "DISPLAY=" + display}
	switch c.client {
	case "rdesktop":
		all.args = []string{"-g", geometry, "-a", "16", "-D", "-u", "lab", "-p", "lab", "-n", device}
		if c.security == "NONE" {
			all.args = append(all.args, "-e")
		}
		all.args = append(all.args, addr)
		all.trust = c.security == "TLS"
	case "xfreerdp":
		security := "/sec:rdp"
		if c.security == "TLS" {
			security = "/sec:tls"
		}
		all.args = []string{"/v:" + addr, security, "/u:lab", "/p:lab", "/client-hostname:" + device, "/size:" + geometry, "/bpp:24", "-decorations", "/cert:ignore"}
	case "tsclient":
		all.name, all.draws = filepath.Join(programs, "tsclient"), false
		security := "rdp"
		if c.security == "TLS" {
			security = "tls"
		}
		all.args = []string{"connect", "--state", home, "--name", device, "--hardware-id", hardwareID, "--stay", "--security", security, addr}
	}
	return all
}

// hardwareID is tsclient's, on whatever store: the others make theirs of the name.
const hardwareID = "00000fff000102030405060708090a0b0c0d0e0f"

// start starts the client; first is its first contact with the server.
func (c *client) start(t *testing.T, first bool) *harness.Process {
	t.Helper()
	answer := ""
	if c.trust && first {
		answer = "yes\n"
	}
	p, err := harness.Start(c.home, c.env, answer, c.name, c.args...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
