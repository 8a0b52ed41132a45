//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/tslab/tslab/internal/control"
	"github.com/tslab/tslab/netlab"
	"github.com/tslab/tslab/netlab/script"
)

// handsName is the socket of a kept lab that takes open files: the terminal of a
// command, a connection that is let in.
const handsName = "hands.sock"

const (
	maxHandful = 1 << 16 // bytes of a request
	maxFiles   = 3
)

// handful is a request on that socket, with its files beside it.
type handful struct {
	Host string   `json:"host"`
	Argv []string `json:"argv,omitempty"` // of a command, which gets three files
	Env  []string `json:"env,omitempty"`  // beside what all programs of the lab have

	Terminal bool `json:"terminal,omitempty"` // the three files are one terminal, for the command alone

	Port uint16 `json:"port,omitempty"` // of a connection, which is the one file
}

// handled is the answer, when the command has ended or the connection is made.
type handled struct {
	Exit  int    `json:"exit"`
	Error string `json:"error,omitempty"`
}

// hands serves those who work in a kept lab by hand.
type hands struct {
	mu     sync.Mutex // the lab is for one at a time
	lab    *netlab.Lab
	down   chan struct{}
	ending sync.Once
}

// keep serves until the lab is to go down.
func (h *hands) keep(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l, err := listenHands(h.lab.Folder)
	if err != nil {
		return err
	}
	asked, err := control.Listen(h.lab.Folder)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	var work sync.WaitGroup
	work.Go(func() { h.accept(ctx, l, &work) })
	failed := make(chan error, 1)
	work.Go(func() {
		failed <- control.ServeListener(ctx, asked, map[string]control.Handler{
			"status":    func(context.Context, json.RawMessage) (any, error) { return h.lab.Record().Name(), nil },
			"hosts":     h.hosts,
			"clock":     h.clock,
			"fault":     h.fault,
			"faults":    h.faults,
			"heal":      h.heal,
			"partition": h.partition,
			"down": func(context.Context, json.RawMessage) (any, error) {
				h.ending.Do(func() { close(h.down) })
				return nil, nil
			},
		})
	})
	err = detach(h.lab.Folder)
	if err != nil {
		cancel()
	}
	select {
	case <-h.down:
	case <-ctx.Done():
		err = errors.Join(err, context.Cause(ctx))
	case err = <-failed:
	}
	cancel()
	err = errors.Join(err, l.Close())
	work.Wait()
	return err
}

// clock moves the calendar as a drill would.
func (h *hands) clock(ctx context.Context, in json.RawMessage) (any, error) {
	var m clockMove
	if err := json.Unmarshal(in, &m); err != nil {
		return nil, fmt.Errorf("clock: %w", err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	by := m.By
	if !m.To.IsZero() {
		by = m.To.Sub(h.lab.Clock.Now())
	}
	var err error
	if by != 0 {
		err = h.lab.Advance(ctx, by)
	}
	return clockNow{Now: h.lab.Clock.Now(), Offset: h.lab.Clock.Offset()}, err
}

func (h *hands) accept(ctx context.Context, l *net.UnixListener, work *sync.WaitGroup) {
	for {
		conn, err := l.AcceptUnix()
		if err != nil {
			return
		}
		work.Go(func() {
			defer conn.Close()
			stop := context.AfterFunc(ctx, func() { conn.Close() })
			defer stop()
			var a handled
			if a.Exit, err = h.handle(ctx, conn); err != nil {
				a.Error = err.Error()
			}
			if b, err := json.Marshal(a); err == nil {
				_, _ = conn.Write(b) // who asked may be gone
			}
		})
	}
}

func (h *hands) handle(ctx context.Context, conn *net.UnixConn) (int, error) {
	request, files, err := receive(conn)
	if err != nil {
		return 0, err
	}
	defer func() {
		for _, f := range files {
			f.Close()
		}
	}()
	switch {
	case len(request.Argv) > 0 && len(files) == 3:
		return h.run(ctx, conn, request, [3]*os.File(files))
	case request.Port != 0 && len(files) == 1:
		return 0, h.letIn(ctx, request, files[0])
	}
	return 0, errors.New("a request that is neither a command nor a connection")
}

// run runs a command until it ends or until who asked for it goes away.
func (h *hands) run(ctx context.Context, conn *net.UnixConn, r handful, stdio [3]*os.File) (int, error) {
	h.mu.Lock()
	p, err := h.lab.Attach(r.Host, r.Argv, r.Env, stdio, r.Terminal)
	h.mu.Unlock()
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		_, _ = conn.Read(make([]byte, 1)) // nothing more comes, but the end
		cancel()
	}()
	return p.Wait(ctx), nil
}

// letIn connects what came from outside with a port of a host.
func (h *hands) letIn(ctx context.Context, r handful, file *os.File) error {
	outer, err := net.FileConn(file)
	if err != nil {
		return err
	}
	defer outer.Close()
	inner, err := h.lab.Dial(ctx, script.Outside, r.Host, r.Port)
	if err != nil {
		return err
	}
	defer inner.Close()
	stop := context.AfterFunc(ctx, func() { outer.Close(); inner.Close() })
	defer stop()
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{outer, inner}, {inner, outer}} {
		both.Go(func() {
			_, _ = io.Copy(way[0], way[1]) // a broken connection breaks the other
			if c, ok := way[0].(*net.TCPConn); ok {
				_ = c.CloseWrite()
			}
		})
	}
	both.Wait()
	return nil
}

// throughFolder gives a socket a short path, however long the folder's is.
func throughFolder(folder string) (*os.File, *net.UnixAddr, error) {
	dir, err := os.Open(folder)
	if err != nil {
		return nil, nil, err
	}
	return dir, &net.UnixAddr{Net: "unixpacket", Name: fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), handsName)}, nil
}

func listenHands(folder string) (*net.UnixListener, error) {
	dir, addr, err := throughFolder(folder)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	l, err := net.ListenUnix(addr.Net, addr)
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false) // by that path there will be another folder
	return l, os.Chmod(filepath.Join(folder, handsName), 0o600)
}

func receive(conn *net.UnixConn) (r handful, files []*os.File, err error) {
	b, rights := make([]byte, maxHandful), make([]byte, unix.CmsgSpace(4*maxFiles))
	n, rn, _, _, err := conn.ReadMsgUnix(b, rights)
	if err != nil {
		return r, nil, err
	}
	messages, err := unix.ParseSocketControlMessage(rights[:rn])
	if err != nil {
		return r, nil, err
	}
	for _, m := range messages {
		fds, err := unix.ParseUnixRights(&m)
		if err != nil {
			return r, files, err
		}
		for _, fd := range fds {
			unix.CloseOnExec(fd)
			files = append(files, os.NewFile(uintptr(fd), "given"))
		}
	}
	return r, files, json.Unmarshal(b[:n], &r)
}

// hand hands a request with its files to the lab of folder and waits for the answer.
func hand(ctx context.Context, folder string, r handful, files ...*os.File) (a handled, err error) {
	dir, addr, err := throughFolder(folder)
	if err != nil {
		return a, err
	}
	defer dir.Close()
	conn, err := net.DialUnix(addr.Net, nil, addr)
	if err != nil {
		return a, fmt.Errorf("no lab is up in %s: %w", folder, err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	b, err := json.Marshal(r)
	if err != nil {
		return a, err
	}
	if len(b) > maxHandful {
		return a, fmt.Errorf("a command of more than %d bytes", maxHandful)
	}
	var fds []int
	for _, f := range files {
		fds = append(fds, int(f.Fd()))
	}
	if _, _, err := conn.WriteMsgUnix(b, unix.UnixRights(fds...), nil); err != nil {
		return a, err
	}
	b = make([]byte, maxHandful)
	n, err := conn.Read(b)
	if err != nil {
		if ctx.Err() != nil {
			return a, ctx.Err()
		}
		return a, errors.New("the lab went away")
	}
	if err := json.Unmarshal(b[:n], &a); err != nil {
		return a, err
	}
	if a.Error != "" {
		return a, errors.New(a.Error)
	}
	return a, nil
}
