package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/tslab/tslab/client"
	tscli "github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/clock"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/internal/hostport"
	"github.com/tslab/tslab/internal/rdpconn"
	"github.com/tslab/tslab/wire/rdp"
	"github.com/tslab/tslab/wire/rdpsec"
)

// The exit codes of connect, beside those that all commands share.
const (
	codeRefused     = 3
	codeLogonFailed = 4
	codeUnreachable = 5
)

func connectCommand() *cli.Command {
	return &cli.Command{
		Name:      "connect",
		Metadata:  tscli.Examples(31, "tsclient connect --state pc1 --name PC-1 127.0.0.1"),
		Usage:     "connect, be licensed, log on and leave",
		ArgsUsage: "HOST[:PORT]",
		Description: "The exit status is 0 when the user was logged on, 3 when licensing refused the device,\n" +
			"4 when the logon failed, 5 when the server could not be reached, 2 for a wrong command line,\n" +
			"130 when it was interrupted before.",
		Flags: append(storeFlags(),
			&cli.StringFlag{Name: "name", Usage: "`NAME` of the device", DefaultText: "the machine's name in upper case"},
			&cli.StringFlag{Name: "hardware-id", Usage: "set the hardware id to 40 hexadecimal `DIGITS`", DefaultText: "that of the store, made at random at first"},
			&cli.StringFlag{Name: "user", Usage: "log on as `USER`", Value: "lab"},
			&cli.StringFlag{Name: "password", Usage: "with this `PASSWORD`", Value: "lab"},
			&cli.StringFlag{Name: "domain", Usage: "in this `DOMAIN`"},
			&cli.StringFlag{Name: "security", Usage: "speak `KIND`: rdp, tls or both (rdp, and tls where the server insists)", Value: "both"},
			&cli.StringFlag{Name: "encryption", Usage: "offer one `METHOD` of RDP security only: none, 40, 56 or 128", DefaultText: "40, 56 and 128"},
			&cli.StringFlag{Name: "geometry", Usage: "ask for a desktop of `WIDTHxHEIGHT`", Value: "800x600"},
			&cli.BoolFlag{Name: "licensing-encryption", Usage: "encrypt licensing messages under RDP security"},
			&cli.BoolFlag{Name: "salted-mac", Usage: "send salted signatures under RDP security"},
			&cli.BoolFlag{Name: "slow-path", Usage: "neither take nor use the fast path"},
			&cli.StringFlag{Name: "host", Usage: "`NAME` of this host in the event log", DefaultText: "the device's name"},
			&cli.StringFlag{Name: "events", Usage: "append the event log to `FILE`", DefaultText: "events.jsonl in the state folder"},
			&cli.StringFlag{Name: "keylog", Usage: "append TLS secrets for Wireshark to `FILE`", DefaultText: "none"},
			&cli.BoolFlag{Name: "no-store", Usage: "be a device that cannot store a license"},
			&cli.BoolFlag{Name: "fresh-hardware-id", Usage: "be a device whose hardware id does not last: make a new one now, and leave the licenses of the old one behind"},
			&cli.BoolFlag{Name: "fresh-name", Usage: "be a device whose name does not last: add digits to it"},
			&cli.BoolFlag{Name: "stay", Usage: "stay logged on until interrupted"},
			tscli.JSONFlag(),
		),
		Action: connect,
	}
}

func connect(ctx context.Context, c *cli.Command) error {
	args, err := tscli.Args(c, 1, 1)
	if err != nil {
		return err
	}
	config, err := deviceConfig(c)
	if err != nil {
		return err
	}
	if config.Server, err = hostport.Parse(args[0], client.DefaultPort); err != nil {
		return tscli.Usage("server %v", err)
	}
	calendar, closeClock, err := clock.Open(c.String("clock"))
	if err != nil {
		return err
	}
	defer closeClock.Close()
	closeFiles, err := openLogs(c, config, func(path, host string) (*eventlog.Log, error) {
		return eventlog.Open(path, host, "tsclient", calendar, nil)
	})
	if err != nil {
		return err
	}
	defer closeFiles()
	begin := time.Now()
	session, err := client.Connect(ctx, config)
	r := report(config, session, err, labDate(c, calendar))
	r.Took = time.Since(begin).Milliseconds()
	if printErr := r.print(c); printErr != nil {
		return printErr
	}
	if err != nil {
		return tscli.Exit(r.exit, fmt.Errorf("%w%s", err, r.remedy(c.String("state"))))
	}
	if c.Bool("stay") {
		return session.Stay(ctx)
	}
	return session.Close()
}

// deviceConfig is everything about the device that the flags say.
func deviceConfig(c *cli.Command) (*client.Config, error) {
	config := &client.Config{User: c.String("user"), Password: c.String("password"), Domain: c.String("domain"),
		NoStore: c.Bool("no-store"), FreshID: c.Bool("fresh-hardware-id"), FreshName: c.Bool("fresh-name")}
	if config.FreshID && c.String("hardware-id") != "" {
		return nil, tscli.Usage("either --hardware-id or --fresh-hardware-id, not both")
	}
	var err error
	if config.Security, err = rdpconn.ParseProtocols(c.String("security")); err != nil {
		return nil, tscli.Usage("--%v", err)
	}
	if config.Desktop, err = desktop(c.String("geometry")); err != nil {
		return nil, err
	}
	if text := c.String("encryption"); text != "" {
		method, err := rdpsec.ParseMethod(text)
		if err != nil {
			return nil, tscli.Usage("--encryption: %v", err)
		}
		config.Encryption = []rdpsec.Method{method}
	}
	if config.Name, err = deviceName(c); err != nil {
		return nil, err
	}
	if config.HardwareID, err = hardwareID(c); err != nil {
		return nil, err
	}
	config.Persona, config.Store, err = openStore(c)
	return config, err
}

// desktop reads WIDTHxHEIGHT; the server has the last word.
func desktop(geometry string) (rdp.Desktop, error) {
	var width, height uint16
	if n, err := fmt.Sscanf(geometry, "%dx%d", &width, &height); n != 2 || err != nil || fmt.Sprintf("%dx%d", width, height) != geometry || width == 0 || height == 0 {
		return rdp.Desktop{}, tscli.Usage("--geometry %q: want a width and a height, as in 800x600", geometry)
	}
	return rdp.Desktop{Width: width, Height: height, Bpp: 16}, nil
}

// openLogs opens the event log and the key log; done closes them.
func openLogs(c *cli.Command, config *client.Config, open func(path, host string) (*eventlog.Log, error)) (done func(), err error) {
	path := c.String("events")
	if path == "" {
		dir, err := stateFolder(c)
		if err != nil {
			return nil, err
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
		path = filepath.Join(dir, "events.jsonl")
	}
	host := c.String("host")
	if host == "" {
		host = config.Name
	}
	if config.Log, err = open(path, host); err != nil {
		return nil, err
	}
	closers := []io.Closer{config.Log}
	if path := c.String("keylog"); path != "" {
		f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("key log: %w", err), config.Log.Close())
		}
		config.KeyLog = f
		closers = append(closers, f)
	}
	return func() {
		for _, closer := range closers {
			closer.Close()
		}
	}, nil
}
