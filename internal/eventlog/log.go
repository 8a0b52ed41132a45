package eventlog

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/tslab/tslab/internal/clock"
)

// Field is one named value of an event.
type Field struct{ Name, Value string }

// F makes a Field; values that are not strings are printed with their own String
// method, times as RFC 3339 in UTC.
func F(name string, value any) Field {
	switch v := value.(type) {
	case string:
		return Field{name, v}
	case time.Time:
		if v.IsZero() {
			return Field{name, ""}
		}
		return Field{name, v.UTC().Format(time.RFC3339)}
	}
	return Field{name, fmt.Sprint(value)}
}

// Log writes the events of one program on one host. It is safe for concurrent
// use; an event is written whole, in one call, before Event returns.
type Log struct {
	host, program string
	clock         clock.Clock
	slog          *slog.Logger

	mu     sync.Mutex
	w      io.Writer
	closer io.Closer
}

// New writes to w, which may be nil to keep nothing. Events are also passed to
// logger, unless that is nil.
func New(w io.Writer, host, program string, c clock.Clock, logger *slog.Logger) *Log {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	return &Log{host: host, program: program, clock: c, slog: logger, w: w}
}

// Open appends to the file at path, which is created when it does not exist.
func Open(path, host, program string, c clock.Clock, logger *slog.Logger) (*Log, error) {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("event log: %w", err)
	}
	l := New(f, host, program, c, logger)
	l.closer = f
	return l, nil
}

// For is the same log under another program's name, for programs that live
// together in one process. Close only the log that was opened.
func (l *Log) For(program string) *Log {
	return &Log{host: l.host, program: program, clock: l.clock, slog: l.slog, w: (*sharedWriter)(l)}
}

type sharedWriter Log

func (s *sharedWriter) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.w == nil {
		return len(b), nil
	}
	return s.w.Write(b)
}

// Event records that kind happened now. An event that cannot be written is
// reported through slog: what happened has happened and is not undone for it.
func (l *Log) Event(kind Kind, fields ...Field) {
	e := Event{
		Lab:      l.clock.Now(),
		Machine:  time.Now().UTC().Round(0),
		Host:     l.host,
		Program:  l.program,
		Name:     kind.Name,
		ID:       kind.ID,
		Severity: kind.Severity,
		Fields:   make(map[string]string, len(fields)),
	}
	for _, f := range fields {
		e.Fields[f.Name] = f.Value
	}
	e.Text = expand(kind.Text, e.Fields)
	l.slog.LogAttrs(context.Background(), e.Severity.level(), e.Text, slog.String("event", e.Name), slog.String("host", e.Host))
	if err := l.write(e); err != nil {
		l.slog.Error("Event log cannot be written", "event", e.Name, "err", err)
	}
}

func (l *Log) write(e Event) error {
	if l.w == nil {
		return nil
	}
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err = l.w.Write(append(line, '\n'))
	return err
}

// Close closes the file that Open opened.
func (l *Log) Close() error {
	if l.closer == nil {
		return nil
	}
	return l.closer.Close()
}

func (s Severity) level() slog.Level {
	switch s {
	case Error:
		return slog.LevelError
	case Warning:
		return slog.LevelWarn
	}
	return slog.LevelInfo
}
