//go:build linux

package netlab

import (
	"bufio"
	"context"
	"fmt"
	"os"
)

// firstDisplay is far from the numbers of displays that somebody looks at: a client
// that tried the socket in the machine's /tmp would find nothing there.
const firstDisplay = 800

// Display starts an X server without a screen in a host and returns its name when it
// takes clients. It listens on nothing but an abstract socket, which is the network
// namespace's own, and leaves no lock file behind.
func (l *Lab) Display(ctx context.Context, hostName, geometry string) (string, error) {
	h, err := l.host(hostName)
	if err != nil {
		return "", err
	}
	l.action()
	l.displays++
	name := fmt.Sprintf(":%d", firstDisplay+l.displays)
	ready, told, err := os.Pipe()
	if err != nil {
		return "", err
	}
	defer ready.Close()
	p, err := l.launch(h, launch{
		argv: []string{
			"Xvfb", name, "-displayfd", "3", "-screen", "0", geometry, "-nolisten", "tcp", "-nolisten", "unix", "-nolock", "-noreset",
		},
		output: l.nextOutput(hostName, "Xvfb"), files: []*os.File{told},
	})
	told.Close() // so that reading ends when the program does
	if err != nil {
		return "", err
	}
	stop := context.AfterFunc(ctx, func() { ready.Close() })
	defer stop()
	if _, err := bufio.NewReader(ready).ReadString('\n'); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return "", fmt.Errorf("display on %s: Xvfb is not ready: %w%s", hostName, err, p.lastWords())
	}
	return name, nil
}
