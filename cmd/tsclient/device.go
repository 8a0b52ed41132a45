package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/tslab/tslab/client"
	tscli "github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/clock"
	"github.com/tslab/tslab/wire/hwid"
)

// storeFlags say which device's store a command is about.
func storeFlags() []cli.Flag {
	var names []string
	for _, p := range client.Personas() {
		names = append(names, p.Name)
	}
	return []cli.Flag{
		&cli.StringFlag{Name: "state", Usage: "keep the license store in `DIR`", DefaultText: "tslab/tsclient in the user's state folder"},
		&cli.StringFlag{Name: "root", Usage: "root folder `DIR` of a Macintosh", DefaultText: "the state folder"},
		&cli.StringFlag{Name: "persona", Usage: "be a device of this `KIND`: " + strings.Join(names, ", "), Value: client.DefaultPersona},
		&cli.StringFlag{Name: "clock", Usage: "take the calendar from `FILE`", DefaultText: "the machine's clock"},
	}
}

// stateFolder is --state, or the folder of the user's own device.
func stateFolder(c *cli.Command) (string, error) {
	if dir := c.String("state"); dir != "" {
		return dir, nil
	}
	return tscli.StateDir("tsclient")
}

// openStore opens the store that the flags name.
func openStore(c *cli.Command) (client.Persona, client.Store, error) {
	persona, err := client.FindPersona(c.String("persona"))
	if err != nil {
		return persona, nil, tscli.Usage("%v", err)
	}
	dir, err := stateFolder(c)
	if err != nil {
		return persona, nil, err
	}
	if root := c.String("root"); root != "" {
		if !persona.Macintosh {
			return persona, nil, tscli.Usage("--root is for --persona mac; a Windows keeps its licenses in --state")
		}
		dir = root
	}
	store, err := client.OpenStore(persona, dir)
	return persona, store, err
}

// labDate is the calendar's date when --clock gave one, else zero.
func labDate(c *cli.Command, calendar clock.Clock) time.Time {
	if c.String("clock") == "" {
		return time.Time{}
	}
	return calendar.Now()
}

// deviceName is --name, or the machine's name as Windows would have it.
func deviceName(c *cli.Command) (string, error) {
	const longest = 15
	name := c.String("name")
	if name != "" {
		if len(name) > longest {
			return "", tscli.Usage("--name %s: a device has at most %d characters", name, longest)
		}
		return name, nil
	}
	host, err := os.Hostname()
	if err != nil {
		return "", fmt.Errorf("%w; give --name", err)
	}
	host, _, _ = strings.Cut(strings.ToUpper(host), ".")
	return host[:min(len(host), longest)], nil
}

// hardwareID is --hardware-id, or zero for the store's.
func hardwareID(c *cli.Command) (hwid.ID, error) {
	text := c.String("hardware-id")
	if text == "" {
		return hwid.ID{}, nil
	}
	id, err := hwid.Parse(text)
	if err == nil && id.IsZero() {
		err = errors.New("hardware id: all zero means none")
	}
	if err != nil {
		return id, tscli.Usage("--%v", err)
	}
	return id, nil
}
