package control_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/tslab/tslab/internal/control"
)

// serve runs handlers in dir until the test ends.
func serve(t *testing.T, dir string, handlers map[string]control.Handler) (stop func()) {
	t.Helper()
	l, err := control.Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- control.ServeListener(ctx, l, handlers) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("ServeListener = %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func echo(_ context.Context, in json.RawMessage) (any, error) { return in, nil }

func fail(context.Context, json.RawMessage) (any, error) { return nil, errors.New("no such pack") }

var handlers = map[string]control.Handler{"echo": echo, "fail": fail}

func TestCall(t *testing.T) {
	dir := t.TempDir()
	stop := serve(t, dir, handlers)
	if info, err := os.Stat(filepath.Join(dir, control.SocketName)); err != nil || info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows" {
		t.Errorf("the socket has mode %v (%v), want that only its user may write", info.Mode(), err)
	}
	in := map[string]string{"text": "a\nb"}
	var out map[string]string
	if err := control.Call(t.Context(), dir, "echo", in, &out); err != nil || out["text"] != "a\nb" {
		t.Errorf("echo = %v, %v", out, err)
	}
	if err := control.Call(t.Context(), dir, "echo", nil, nil); err != nil {
		t.Errorf("echo of nothing: %v", err)
	}
	err := control.Call(t.Context(), dir, "fail", nil, nil)
	if e, ok := errors.AsType[*control.Error](err); !ok || e.Text != "no such pack" {
		t.Errorf("fail = %v", err)
	}
	var p control.Process
	if err := control.Call(t.Context(), dir, control.ProcessOp, nil, &p); err != nil || p.PID != os.Getpid() || p.Goroutines == 0 || p.Heap == 0 {
		t.Errorf("process = %+v, %v", p, err)
	}
	err = control.Call(t.Context(), dir, "none", nil, nil)
	if e, ok := errors.AsType[*control.Error](err); !ok || !e.Unknown() || !strings.Contains(err.Error(), `no operation "none"`) {
		t.Errorf("none = %v", err)
	}
	stop()
	if err := control.Call(t.Context(), dir, "echo", nil, nil); !errors.Is(err, control.ErrNotRunning) {
		t.Errorf("after the end: %v", err)
	}
	if _, err := os.Lstat(filepath.Join(dir, control.SocketName)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}
}

func TestManyCalls(t *testing.T) {
	dir := t.TempDir()
	serve(t, dir, handlers)
	var calls sync.WaitGroup
	for i := range 50 {
		calls.Go(func() {
			var out int
			if err := control.Call(t.Context(), dir, "echo", i, &out); err != nil || out != i {
				t.Errorf("echo %d = %d, %v", i, out, err)
			}
		})
	}
	calls.Wait()
}

func TestSeveralRequestsOnAConnection(t *testing.T) {
	dir := t.TempDir()
	serve(t, dir, handlers)
	conn, err := net.Dial("unix", filepath.Join(dir, control.SocketName))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	answers := bufio.NewScanner(conn)
	for _, tt := range []struct{ send, want string }{
		{`{"op":"echo","in":1}`, `{"out":1}`},
		{`nonsense`, `not a request`},
		{`{"op":"echo","in":[2]}`, `{"out":[2]}`},
	} {
		if _, err := conn.Write([]byte(tt.send + "\n")); err != nil {
			t.Fatal(err)
		}
		if !answers.Scan() || !strings.Contains(answers.Text(), tt.want) {
			t.Errorf("%s: answer %q (%v), want %q", tt.send, answers.Text(), answers.Err(), tt.want)
		}
	}
}

func TestCallEndsWithContext(t *testing.T) {
	dir := t.TempDir()
	entered := make(chan struct{})
	serve(t, dir, map[string]control.Handler{"hang": func(ctx context.Context, _ json.RawMessage) (any, error) {
		close(entered)
		<-ctx.Done()
		return nil, ctx.Err()
	}})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-entered; cancel() }()
	if err := control.Call(ctx, dir, "hang", nil, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Call = %v, want canceled", err)
	}
}

func TestListenTwice(t *testing.T) {
	dir := t.TempDir()
	serve(t, dir, handlers)
	if _, err := control.Listen(dir); err == nil || !strings.Contains(err.Error(), "another program is running") {
		t.Errorf("second Listen: %v", err)
	}
}

func TestStaleSocketIsReplaced(t *testing.T) {
	dir := t.TempDir()
	l, err := net.Listen("unix", filepath.Join(dir, control.SocketName))
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close() // as a killed program leaves it
	if err := control.Call(t.Context(), dir, "echo", nil, nil); !errors.Is(err, control.ErrNotRunning) {
		t.Errorf("Call of a dead program: %v", err)
	}
	serve(t, dir, handlers)
	if err := control.Call(t.Context(), dir, "echo", nil, nil); err != nil {
		t.Error(err)
	}
}

func TestNoStateFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "none")
	if _, err := control.Listen(dir); err == nil || !strings.Contains(err.Error(), "state folder") {
		t.Errorf("Listen: %v", err)
	}
	if err := control.Call(t.Context(), dir, "echo", nil, nil); err == nil || !strings.Contains(err.Error(), "state folder") {
		t.Errorf("Call: %v", err)
	}
}

// A program whose handler ends it answers all the same.
func TestEndingIsAnswered(t *testing.T) {
	dir := t.TempDir()
	l, err := control.Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- control.ServeListener(ctx, l, map[string]control.Handler{
			"down": func(context.Context, json.RawMessage) (any, error) {
				cancel()
				for range 1000 { // who closes connections gets the processor
					runtime.Gosched()
				}
				return "down", nil
			},
		})
	}()
	var out string
	if err := control.Call(t.Context(), dir, "down", nil, &out); err != nil || out != "down" {
		t.Errorf("down = %q, %v", out, err)
	}
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("ServeListener = %v", err)
	}
}
