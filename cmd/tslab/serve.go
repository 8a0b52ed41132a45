package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	ucli "github.com/urfave/cli/v3"
	"golang.org/x/sync/errgroup"

	"github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/clock"
	"github.com/tslab/tslab/internal/control"
	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/internal/onebox"
	"github.com/tslab/tslab/internal/program"
	"github.com/tslab/tslab/ts"
)

// labStart is the lab's date when nothing else is said.
const labStart = "2003-03-03T09:00:00Z"

// labUser may log on when nothing else is said.
const labUser = "lab:lab"

func serveCommand() *ucli.Command {
	return &ucli.Command{
		Name: "serve", Metadata: cli.Examples(130, "tslab serve --listen 127.0.0.1:3390 --state lab"),
		Usage: "serve a terminal server with licenses on this machine",
		Description: "A terminal server, its license server and a key pack, in one process. Any Remote Desktop client can\n" +
			"connect; it is licensed, logs on and sees who it is to the license system. Events are printed as they happen.\n\n" +
			"One knob is off its default, " + servedKnob + ": a client shows the CAL of the lab that it saw last, and this\n" +
			"server takes it as no license, where a terminal server of the edition refuses it as broken.",
		Flags: append([]ucli.Flag{
			&ucli.StringFlag{Name: "listen", Usage: "take clients at `ADDR`; port 0 takes a free one", Value: "127.0.0.1:3389"},
			&ucli.StringFlag{Name: "state", Usage: "keep state in `DIR`", DefaultText: "a temporary folder, removed at the end"},
			&ucli.StringFlag{Name: "edition", Usage: "behave as `EDITION`: w2k-rtm, w2k-sp3 or ws2003", Value: edition.SP3.String()},
			&ucli.StringSliceFlag{Name: "set", Usage: "turn a knob of the edition, `KNOB=VALUE` (tslab editions)"},
			&ucli.Uint32Flag{Name: "cals", Usage: "`N` CALs in the key pack of a new state; 0: a license server that is not activated", Value: 10},
			&ucli.StringFlag{Name: "user", Usage: "who may log on, `NAME:PASSWORD`", Value: labUser},
			&ucli.StringFlag{Name: "start", Usage: "`DATE` at which a new state begins", Value: labStart},
			&ucli.StringFlag{Name: "transcript", Usage: "append every RDP PDU, decrypted, to `FILE`", DefaultText: "none"},
			&ucli.StringFlag{Name: "keylog", Usage: "append TLS secrets for Wireshark to `FILE`", DefaultText: "none"},
			&ucli.Uint64Flag{Name: "seed", Usage: "draw license ids and lifetimes of a new state from `N`", DefaultText: "random"},
		}, cli.RDPFlags()...),
		Action: func(ctx context.Context, c *ucli.Command) error {
			if _, err := cli.Args(c, 0, 0); err != nil {
				return err
			}
			o, err := serveOptions(c)
			if err != nil {
				return err
			}
			return o.serve(ctx)
		},
	}
}

// serving is what `tslab serve` was told, and what it has opened.
type serving struct {
	out                io.Writer
	listen, state      string
	start              time.Time
	user, password     string
	transcript, keylog string
	box                onebox.Config

	lab     *clock.Lab
	closers []io.Closer
}

// servedKnob is the knob that a server for one's own clients has off its default.
const servedKnob = "stranger_cal=none"

func serveOptions(c *ucli.Command) (*serving, error) {
	s := &serving{
		out: c.Root().Writer, listen: c.String("listen"), state: c.String("state"),
		transcript: c.String("transcript"), keylog: c.String("keylog"),
		box: onebox.Config{CALs: c.Uint32("cals"), Seed: c.Uint64("seed"), Host: "tslab"},
	}
	var err error
	if s.box.Profile, err = edition.Parse(c.String("edition")); err != nil {
		return nil, cli.Usage("%v", err)
	}
	// A client keeps the CAL of the lab that it saw last; the next lab is another one.
	if err := s.box.Profile.SetAll([]string{servedKnob}); err != nil {
		return nil, err
	}
	if err := s.box.Profile.SetFor(edition.TerminalServer|edition.LicenseServer|edition.Calendar, c.StringSlice("set")); err != nil {
		return nil, cli.Usage("%v", err)
	}
	if err := s.box.TermServ.Speak(ts.Speech(cli.RDPFrom(c))); err != nil {
		return nil, cli.Usage("%v", err)
	}
	var ok bool
	if s.user, s.password, ok = strings.Cut(c.String("user"), ":"); !ok {
		return nil, cli.Usage("--user %q: want NAME:PASSWORD", c.String("user"))
	}
	if s.box.TermServ.Users, err = ts.NewUsers(s.user, s.password); err != nil {
		return nil, cli.Usage("--user: %v", err)
	}
	if c.String("user") == labUser { // a chosen password is told to nobody
		s.box.TermServ.LogonHint = fmt.Sprintf("This lab's user: %s, password %s", s.user, s.password)
	}
	if s.start, err = parseDate(c.String("start")); err != nil {
		return nil, cli.Usage("--start: %v", err)
	}
	return s, nil
}

// serve runs until ctx ends.
func (s *serving) serve(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, s.close()) }()
	if err := s.open(); err != nil {
		return err
	}
	socket, err := control.Listen(s.state)
	if err != nil {
		return err
	}
	defer socket.Close()
	if s.box.TermServ.Listener, err = program.Listen(s.listen); err != nil {
		return err
	}
	defer s.box.TermServ.Listener.Close()
	box, err := onebox.New(ctx, s.box)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer cancel()
		return box.Run(ctx)
	})
	g.Go(func() error {
		err := control.ServeListener(ctx, socket, s.handlers(box))
		if ctx.Err() != nil {
			return nil
		}
		return err
	})
	g.Go(func() error { return s.announce(ctx, box) })
	return g.Wait()
}

// open opens everything but the servers.
func (s *serving) open() error {
	if s.state == "" {
		dir, err := os.MkdirTemp("", "tslab-")
		if err != nil {
			return fmt.Errorf("state folder: %w", err)
		}
		s.state = dir
		s.closers = append(s.closers, closer(func() error { return os.RemoveAll(dir) }))
	} else if err := os.MkdirAll(s.state, 0o700); err != nil {
		return fmt.Errorf("state folder: %w", err)
	}
	var err error
	if s.state, err = filepath.Abs(s.state); err != nil {
		return err
	}
	if err := program.Owned(s.state, "tslab", s.box.Host); err != nil {
		return err
	}
	if s.lab, err = openClock(s.state, s.start); err != nil {
		return err
	}
	s.closers = append(s.closers, s.lab)
	events, err := s.file(filepath.Join(s.state, "events.jsonl"))
	if err != nil {
		return err
	}
	s.box.Dir, s.box.Clock = s.state, s.lab
	s.box.Events = eventlog.New(io.MultiWriter(events, program.Printer(s.out)), s.box.Host, "tslab", s.lab, nil)
	if s.keylog != "" {
		if s.box.KeyLog, err = s.file(s.keylog); err != nil {
			return err
		}
	}
	if s.transcript != "" {
		if s.box.TermServ.Transcript, err = s.file(s.transcript); err != nil {
			return err
		}
	}
	return nil
}

func (s *serving) file(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		s.closers = append(s.closers, f)
	}
	return f, err
}

type closer func() error

func (c closer) Close() error { return c() }

func (s *serving) close() error {
	var errs []error
	for i := len(s.closers) - 1; i >= 0; i-- {
		errs = append(errs, s.closers[i].Close())
	}
	return errors.Join(errs...)
}

// announce says that the box is ready, and keeps it in the register of running
// servers until ctx ends.
func (s *serving) announce(ctx context.Context, box *onebox.Box) error {
	select {
	case <-box.Ready():
	case <-ctx.Done():
		return nil
	}
	program.Own(s.state, "tslab", s.box.Host)
	remove, err := program.Register("tslab", s.state, box.Addr().String())
	if err != nil {
		fmt.Fprintf(s.out, "(`tslab clock` needs --state %s: %v)\n", s.state, err)
	} else {
		defer remove()
	}
	s.welcome(box.Addr(), box.LicenseServerAddr())
	s.box.Events.Event(eventlog.ProgramReady, eventlog.F("program", "tslab"), eventlog.F("address", box.Addr().String()))
	<-ctx.Done()
	return nil
}

// welcome says how to connect, and how to look into the license server.
func (s *serving) welcome(addr, licenses net.Addr) {
	host, port, _ := net.SplitHostPort(addr.String())
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	at, short := net.JoinHostPort(host, port), net.JoinHostPort(host, port)
	if port == "3389" {
		short = host
	}
	device := at
	if s.user+":"+s.password != labUser { // which is the device's own default
		device = fmt.Sprintf("--user %s --password %s %s", shellWord(s.user), shellWord(s.password), at)
	}
	fmt.Fprintf(s.out, `TSLab serves Remote Desktop at %s (%v, %s).

    rdesktop -u %[9]s -p %[10]s %[6]s
    xfreerdp /v:%[1]s /u:%[9]s /p:%[10]s /cert:ignore
    mstsc /v:%[1]s
    %[11]s connect %[12]s

User %[4]s, password %[5]s. The lab's date is %[7]s; `+"`tslab clock +1d`"+` moves it.
Who holds what: %[13]s show --tokens --server %[14]s
State: %[8]s

`, at, s.box.Profile.Edition, s.stock(), s.user, s.password, short, s.lab.Now().Format("2006-01-02"), s.state,
		shellWord(s.user), shellWord(s.password), sibling("tsclient"), device, sibling("licmgr"), licenses)
}

// shellWord is text as a shell takes it as one word.
func shellWord(text string) string {
	if regexp.MustCompile(`^[\w@%+=:,./-]+$`).MatchString(text) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// sibling is how to call a program that lies beside this one, when it was called by
// its path.
func sibling(name string) string {
	if dir := filepath.Dir(os.Args[0]); strings.ContainsRune(os.Args[0], filepath.Separator) {
		return shellWord(filepath.Join(dir, name))
	}
	return name
}

// stock tells the license server's stock.
func (s *serving) stock() string {
	if s.box.CALs == 0 {
		return "license server not activated"
	}
	return fmt.Sprintf("key pack of %d CALs", s.box.CALs)
}

// handlers are the operations of the control socket.
func (s *serving) handlers(box *onebox.Box) map[string]control.Handler {
	all := box.TerminalServer().Controls()
	all["clock"] = s.moveClock
	return all
}
