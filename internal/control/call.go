package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
)

// Call asks the program that runs in the state folder dir for one operation. in may
// be nil; out may be nil or a pointer that the answer is decoded into.
func Call(ctx context.Context, dir, op string, in, out any) error {
	path, release, err := reachable(dir)
	if err != nil {
		return err
	}
	defer release()
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", path)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("state folder %s: %w", dir, ErrNotRunning)
	}
	if err != nil {
		return fmt.Errorf("state folder %s: %w", dir, err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	if err := roundTrip(conn, op, in, out); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("%s: no answer: %w", op, ctx.Err())
		}
		return err
	}
	return nil
}

func roundTrip(conn net.Conn, op string, in, out any) error {
	req := request{Op: op}
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("%s: %w", op, err)
		}
		req.In = b
	}
	if err := writeLine(conn, req); err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	line, err := newLines(conn).next()
	if err != nil {
		return fmt.Errorf("%s: the program went away: %w", op, err)
	}
	var ans answer
	if err := json.Unmarshal(line, &ans); err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	if ans.Error != "" {
		return &Error{op, ans.Error}
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(ans.Out, out); err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	return nil
}

// lines reads lines of bounded length.
type lines struct{ scanner *bufio.Scanner }

func newLines(r io.Reader) lines {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 0, 4096), maxMessage)
	return lines{s}
}

func (l lines) next() ([]byte, error) {
	if l.scanner.Scan() {
		return l.scanner.Bytes(), nil
	}
	if err := l.scanner.Err(); err != nil {
		return nil, err
	}
	return nil, io.EOF
}

func writeLine(w io.Writer, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = w.Write(append(b, '\n'))
	return err
}
