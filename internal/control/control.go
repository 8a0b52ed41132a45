// Package control is the socket of a running program, control.sock in its state
// folder: status, configuration, fault hooks. A request is one line of JSON and so
// is its answer; a connection may carry any number, one after the other. Who may
// write to the state folder may control the program; nobody else can reach it.
package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/tslab/tslab/internal/crash"
)

// SocketName is the socket's name in the state folder.
const SocketName = "control.sock"

// maxMessage bounds a request and an answer.
const maxMessage = 16 << 20

// Handler does one operation. Its result, or the error's text, is the answer.
type Handler func(ctx context.Context, in json.RawMessage) (any, error)

// request and answer are the two lines.
type request struct {
	Op string          `json:"op"`
	In json.RawMessage `json:"in,omitempty"`
}

type answer struct {
	Out   json.RawMessage `json:"out,omitempty"`
	Error string          `json:"error,omitempty"`
}

// Error is what the program answered instead of a result.
type Error struct {
	Op   string
	Text string
}

func (e *Error) Error() string { return e.Op + ": " + e.Text }

// Unknown says that the program has no operation of that name.
func (e *Error) Unknown() bool { return e.Text == noOperation(e.Op) }

func noOperation(op string) string { return fmt.Sprintf("this program has no operation %q", op) }

// ErrNotRunning is wrapped by Call's error when no program serves the folder.
var ErrNotRunning = errors.New("no program is running there")

// Listen opens the socket of the state folder dir. The socket of a program that has
// died is replaced; that of a live one is an error.
func Listen(dir string) (net.Listener, error) {
	path, release, err := reachable(dir)
	if err != nil {
		return nil, err
	}
	defer release()
	conn, err := net.DialTimeout("unix", path, time.Second)
	switch {
	case err == nil:
		conn.Close()
		return nil, fmt.Errorf("state folder %s: another program is running in it; stop it or choose another --state", dir)
	case errors.Is(err, syscall.ECONNREFUSED):
		if err := os.Remove(filepath.Join(dir, SocketName)); err != nil {
			return nil, err
		}
	case !errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("state folder %s: %w", dir, err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("state folder %s: %w", dir, err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false) // path is good for this call only
	file := filepath.Join(dir, SocketName)
	if err := os.Chmod(file, 0o600); err != nil { // where the folder lets others in
		return nil, errors.Join(fmt.Errorf("state folder %s: %w", dir, err), l.Close(), os.Remove(file))
	}
	closeOnce := sync.OnceValue(func() error { return errors.Join(l.Close(), os.Remove(file)) })
	return &listener{l, closeOnce}, nil
}

type listener struct {
	net.Listener
	close func() error
}

// Close removes the socket too; when it returns, the file is gone.
func (l *listener) Close() error { return l.close() }

// ServeListener answers until ctx ends, then closes l and waits for the handlers.
func ServeListener(ctx context.Context, l net.Listener, handlers map[string]Handler) error {
	var conns sync.WaitGroup
	defer conns.Wait()
	defer l.Close()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	for {
		conn, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return fmt.Errorf("control socket: %w", err)
		}
		conns.Go(func() { serveConn(ctx, conn, handlers) })
	}
}

// lastAnswer is how long a peer may take to read an answer once the program ends.
const lastAnswer = time.Second

func serveConn(ctx context.Context, conn net.Conn, handlers map[string]Handler) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// A program that ends still answers what it has been asked: to end, perhaps.
	stop := context.AfterFunc(ctx, func() {
		_ = conn.SetReadDeadline(time.Now())
		_ = conn.SetWriteDeadline(time.Now().Add(lastAnswer))
	})
	defer stop()
	defer conn.Close()
	lines := newLines(conn)
	for {
		line, err := lines.next()
		if err != nil {
			return
		}
		at := exchangeOf(line)
		crash.Here(at, crash.Asked)
		answer := handle(crash.In(ctx, at), line, handlers)
		crash.Here(at, crash.BeforeReply)
		if err := writeLine(conn, answer); err != nil {
			return
		}
		crash.Here(at, crash.AfterReply)
	}
}

// exchangeOf names the operation that a request asks for, where a step of it may be the
// last: [crash.Here].
func exchangeOf(line []byte) string {
	var req request
	if !crash.Armed() || json.Unmarshal(line, &req) != nil {
		return ""
	}
	return "control " + req.Op
}

func handle(ctx context.Context, line []byte, handlers map[string]Handler) answer {
	var req request
	if err := json.Unmarshal(line, &req); err != nil {
		return answer{Error: "not a request: " + err.Error()}
	}
	h, ok := handlers[req.Op]
	if !ok && req.Op == ProcessOp {
		h, ok = process, true
	}
	if !ok {
		return answer{Error: noOperation(req.Op)}
	}
	out, err := h(ctx, req.In)
	if err != nil {
		return answer{Error: err.Error()}
	}
	b, err := json.Marshal(out)
	if err != nil {
		return answer{Error: err.Error()}
	}
	return answer{Out: b}
}
