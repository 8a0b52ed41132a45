//go:build linux

package netlab_test

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/clock"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/internal/program"
	"github.com/tslab/tslab/netlab/netns"
)

// The programs of these tests are this test binary under other names.
const (
	echod   = "echod"   // a daemon that sends back every line
	refusal = "refusal" // a daemon that cannot start
	stuck   = "stuck"   // a daemon that does not heed SIGTERM
	echo    = "echo1"   // sends its arguments to echod and prints the answer
)

func TestMain(m *testing.M) {
	switch filepath.Base(os.Args[0]) {
	case echod:
		os.Exit(exit(runEchod(os.Args[1:], false)))
	case stuck:
		os.Exit(exit(runEchod(os.Args[1:], true)))
	case refusal:
		fmt.Fprintln(os.Stderr, "refusal: the state folder is another's")
		os.Exit(1)
	case echo:
		os.Exit(exit(runEcho(os.Args[1], os.Args[2])))
	}
	os.Exit(netns.UserGround.Main(m.Run))
}

func exit(err error) int {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// standIns is a folder with the programs.
func standIns(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, name := range []string{echod, refusal, stuck, echo} {
		if err := os.Symlink(self, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// runEchod is a daemon with the flags of all daemons. Once a lab day it says so.
func runEchod(args []string, deaf bool) error {
	var d cli.Daemon
	fs := flag.NewFlagSet(echod, flag.ContinueOnError)
	fs.StringVar(&d.State, "state", "", "")
	fs.StringVar(&d.Host, "host", "", "")
	fs.StringVar(&d.Listen, "listen", "", "")
	fs.StringVar(&d.Clock, "clock", "", "")
	fs.StringVar(&d.Events, "events", "", "")
	fs.StringVar(&d.KeyLog, "keylog", "", "")
	greeting := fs.String("greeting", "", "")
	if err := fs.Parse(args); err != nil {
		return err
	}
	p, err := program.Open(filepath.Base(os.Args[0]), d, nil)
	if err != nil {
		return err
	}
	defer p.Close()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if deaf {
		signal.Ignore(syscall.SIGTERM)
	}
	l, err := net.Listen("tcp", d.Listen)
	if err != nil {
		return err
	}
	go serveEcho(l, *greeting)
	go daily(ctx, p)
	fmt.Fprintf(p.KeyLog, "CLIENT_RANDOM %064x %096x\n", os.Getpid(), 1)
	p.Ready(l.Addr().String())
	<-ctx.Done()
	p.Stopped(nil)
	return nil
}

func daily(ctx context.Context, p *program.Program) {
	day := p.Clock.Now().Truncate(24 * time.Hour)
	next := func(time.Time) time.Time { return day.Add(24 * time.Hour) }
	_ = clock.Run(ctx, p.Clock, p.Name, next, func(time.Time) {
		day = day.Add(24 * time.Hour)
		p.Log.Event(eventlog.TokenExpired, eventlog.F("device", day.Format(time.DateOnly)))
	})
}

func serveEcho(l net.Listener, greeting string) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			line, err := bufio.NewReader(c).ReadString('\n')
			if err == nil {
				fmt.Fprint(c, greeting, line)
			}
		}()
	}
}

func runEcho(addr, text string) error {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	fmt.Fprintln(c, text)
	answer, err := io.ReadAll(c)
	fmt.Print(string(answer))
	return err
}
