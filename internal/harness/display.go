//go:build linux

package harness

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/png"
	"os"
	"os/exec"
	"strings"
)

// Display is an X server without a screen (Xvfb).
type Display struct {
	Name   string // ":7"
	server *Process
}

// StartDisplay starts one of the size, 24 bits deep.
func StartDisplay(ctx context.Context, dir string, size image.Point) (*Display, error) {
	if err := Need("Xvfb", "xwd", "convert"); err != nil {
		return nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	cmd := exec.Command("Xvfb", "-displayfd", "3", "-screen", "0", fmt.Sprintf("%dx%dx24", size.X, size.Y),
		"-ac", "-nolisten", "tcp", "-nolisten", "unix", "-nolock", "-noreset") // an abstract socket is the network namespace's own
	cmd.ExtraFiles = []*os.File{w}
	server, err := startCommand(cmd, dir)
	w.Close()
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { r.Close() })
	defer stop()
	number, err := bufio.NewReader(r).ReadString('\n') // the server does not survive a pipe that is closed before
	if err != nil {
		server.Kill()
		return nil, fmt.Errorf("the X server Xvfb did not start: %w\n%s", errors.Join(err, ctx.Err()), server.Output())
	}
	return &Display{Name: ":" + strings.TrimSpace(number), server: server}, nil
}

// Close stops the X server.
func (d *Display) Close() { d.server.Stop() }

// Shot is what the display shows now.
func (d *Display) Shot(ctx context.Context) (image.Image, error) {
	dump, err := exec.CommandContext(ctx, "xwd", "-display", d.Name, "-root", "-silent").Output()
	if err != nil {
		return nil, fmt.Errorf("xwd: %w", err)
	}
	convert := exec.CommandContext(ctx, "convert", "xwd:-", "png24:-")
	convert.Stdin = bytes.NewReader(dump)
	text, err := convert.Output()
	if err != nil {
		return nil, fmt.Errorf("convert: %w", err)
	}
	return png.Decode(bytes.NewReader(text))
}
