package interop

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/harness"
)

// What is run; see the Makefile.
var (
	full    = flag.Bool("full", false, "every client with every security")
	picture = flag.String("picture", "", "write the picture of a real client's screen to this file")
)

// stepBound is how long one connection may take.
const stepBound = 30 * time.Second

// programs is where the built programs lie; TestMain sets it once.
var programs string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	code, inside, err := harness.Private()
	if err != nil {
		fmt.Fprintln(os.Stderr, "interop:", err)
		return 1
	}
	if !inside {
		return code
	}
	if err := harness.Need("rdesktop", "xfreerdp", "xrdp", "Xvfb", "xwd", "xdotool", "convert", "tshark", "editcap", "ip", "unshare", "openssl"); err != nil {
		fmt.Fprintln(os.Stderr, "interop:", err)
		return 1
	}
	dir, done, err := harness.Programs()
	if err != nil {
		fmt.Fprintln(os.Stderr, "interop:", err)
		return 1
	}
	defer done()
	programs = dir
	return m.Run()
}

// cell is a client with a security.
type cell struct{ client, security string }

func cells() []cell {
	if !*full {
		return []cell{{"rdesktop", "NONE"}, {"rdesktop", "TLS"}, {"xfreerdp", "NONE"}, {"xfreerdp", "128"}, {"xfreerdp", "TLS"}, {"tsclient", "128"}}
	}
	var all []cell
	for _, client := range []string{"rdesktop", "xfreerdp", "tsclient"} {
		for _, security := range []string{"NONE", "128", "TLS"} {
			all = append(all, cell{client, security})
		}
	}
	return all
}

// step is one of the three connections, with the licensing messages that must pass
// (as MS-RDPELE numbers them) and what the device holds afterwards.
type step struct{ name, expected string }

func steps() []step {
	return []step{
		{"first", "01 13 02 15 03: temporary token pushed, session"},
		{"second", "01 12 02 15 04: CAL pushed, session"},
		{"third", "01 12 FF: CAL accepted, license server not asked, session"},
	}
}

const legend = `01 LICENSE_REQUEST, 12 LICENSE_INFO, 13 NEW_LICENSE_REQUEST, 02 PLATFORM_CHALLENGE,
15 PLATFORM_CHALLENGE_RESPONSE, 03 NEW_LICENSE, 04 UPGRADE_LICENSE, FF ERROR_ALERT (here: valid client)
`

// TestInterop is the matrix.
func TestInterop(t *testing.T) {
	if *picture != "" {
		drawPicture(t, *picture)
		return
	}
	table := cli.Table{Header: []string{"Client", "Security", "Step", "Expected", "Got"}}
	for _, c := range cells() {
		t.Run(c.client+"/"+c.security, func(t *testing.T) {
			for i, got := range connectThrice(t, c) {
				want := steps()[i]
				table.Row(c.client, c.security, want.name, want.expected, got)
				if got != want.expected {
					t.Errorf("%s connection: got  %s\nwant %s", want.name, got, want.expected)
				}
			}
		})
	}
	var text bytes.Buffer
	if err := table.Print(&text); err != nil {
		t.Fatal(err)
	}
	fmt.Printf("\n%s\n%s", text.String(), legend)
}

// connectThrice returns what came of each of the three connections.
func connectThrice(t *testing.T, c cell) []string {
	t.Helper()
	server := startServer(t, c.security)
	display := startDisplay(t)
	client := newClient(t, c, display.Name)
	var got []string
	for i := range steps() {
		ctx, cancel := context.WithTimeout(t.Context(), stepBound)
		got = append(got, server.connection(ctx, t, client, display, i == 0))
		cancel()
	}
	server.stop(t)
	for i, messages := range server.messages(t, c.security) {
		if i < len(got) {
			got[i] = messages + ": " + got[i]
		}
	}
	return got
}
