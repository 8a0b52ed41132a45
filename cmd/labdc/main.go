// Command labdc is the domain controller: it answers about names and sites, and makes
// hosts members of its domain.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"

	ucli "github.com/urfave/cli/v3"

	"github.com/tslab/tslab/discovery/dc"
	"github.com/tslab/tslab/internal/cli"
)

const (
	defaultEnroll = ":3346" // join requests and site queries
	defaultDNS    = ":53"
)

func main() { cli.Main(context.Background(), command()) }

func command() *ucli.Command {
	return &ucli.Command{
		Name:     "labdc",
		Metadata: cli.Examples(80, "labdc --state dc1 --host DC1 --domain corp.example --listen 127.0.0.1:3346 --listen-dns 127.0.0.1:53 --join-secret-file secret.txt"),
		Usage:    "the domain controller: names, sites and memberships",
		Description: "License servers, terminal servers and tools join its domain by the secret in --join-secret-file at --listen,\n" +
			"and find each other by its DNS at --listen-dns. dig and nsupdate speak with it: `nsupdate -k STATE/update.key`\n" +
			"may change every name. Domain controllers that are started with one --forest file accept each other's members.\n" +
			"The other commands speak with the one that runs in --state.",
		Flags:    append(cli.ParentFlags(defaultEnroll), flags()...),
		Commands: []*ucli.Command{showCommand(), recordCommand(), staleCommand(), hideCommand(), groupCommand(), siteCommand(), joinCommand()},
		Action:   cli.Serving(optionsFrom, serve),
	}
}

func flags() []ucli.Flag {
	return []ucli.Flag{
		&ucli.StringFlag{Name: "domain", Usage: "serve the domain `NAME`, such as corp.example"},
		&ucli.StringFlag{Name: "listen-dns", Usage: "answer about names on `ADDR`, UDP and TCP", Value: defaultDNS},
		&ucli.StringFlag{Name: "join-secret-file", Usage: "who knows the secret in `FILE` may join"},
		&ucli.StringFlag{Name: "forest", Usage: "the forest's key lies in `FILE`, which the first domain controller makes", DefaultText: "forest.pem in the state folder"},
		&ucli.StringFlag{Name: "trust", Usage: "members of the forests whose certificates (PEM) are in `FILE` are members too", DefaultText: "none"},
		&ucli.StringFlag{Name: "site-map", Usage: "take lines `SUBNET SITE` from `FILE`", DefaultText: "none"},
		&ucli.StringSliceFlag{Name: "site", Usage: "`SUBNET=SITE`, such as 10.0.0.0/16=Oslo"},
		&ucli.StringSliceFlag{Name: "record", Usage: "a `RECORD` of the zone, such as 'ts1 A 10.0.0.2'"},
		&ucli.StringSliceFlag{Name: "forward", Usage: "ask the name server at ADDR for a zone, `ZONE=ADDR`"},
		&ucli.StringSliceFlag{Name: "partner", Usage: "hand site entries on to the domain controller at `ADDR`"},
		&ucli.StringSliceFlag{Name: "address", Usage: "`ADDR` of this host in the DNS", DefaultText: "those of its interfaces"},
	}
}

// options are what the command line says.
type options struct {
	cli.Daemon
	dc     dc.Config
	dns    string
	forest string
}

func optionsFrom(c *ucli.Command) (options, error) {
	o := options{Daemon: cli.DaemonFrom(c), dns: c.String("listen-dns"), forest: c.String("forest")}
	secret := c.String("join-secret-file")
	switch {
	case o.State == "":
		return o, cli.Usage("say --state DIR, the folder that the directory is kept in")
	case c.String("domain") == "":
		return o, cli.Usage("say --domain NAME, the domain to serve")
	case secret == "":
		return o, cli.Usage("say --join-secret-file FILE; `openssl rand -hex 16 > FILE` makes one")
	}
	o.dc = dc.Config{Domain: strings.ToLower(c.String("domain")), Records: c.StringSlice("record"), Partners: c.StringSlice("partner"), Forward: map[string]string{}}
	for _, text := range c.StringSlice("forward") {
		zone, addr, ok := strings.Cut(text, "=")
		if !ok {
			return o, cli.Usage("--forward %s: want ZONE=ADDR", text)
		}
		o.dc.Forward[zone] = addr
	}
	for _, text := range c.StringSlice("address") {
		a, err := netip.ParseAddr(text)
		if err != nil {
			return o, cli.Exit(cli.CodeUsage, fmt.Errorf("--address: %w", err))
		}
		o.dc.Addresses = append(o.dc.Addresses, a)
	}
	var err error
	if o.dc.Subnets, err = subnets(c); err != nil {
		return o, cli.Exit(cli.CodeUsage, err)
	}
	if path := c.String("trust"); path != "" {
		if o.dc.Trust, err = loadTrust(path); err != nil {
			return o, err
		}
	}
	o.dc.Secret, err = cli.SecretFile(secret)
	return o, err
}

// subnets are the site map's lines of file and flags.
func subnets(c *ucli.Command) ([]dc.Subnet, error) {
	lines := slices.Clone(c.StringSlice("site"))
	for i, line := range lines {
		lines[i] = strings.Replace(line, "=", " ", 1)
	}
	if path := c.String("site-map"); path != "" {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("site map: %w", err)
		}
		lines = append(lines, strings.Split(string(text), "\n")...)
	}
	var all []dc.Subnet
	for _, line := range lines {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		s, err := subnet(fields)
		if err != nil {
			return nil, fmt.Errorf("site map: %q: %w", line, err)
		}
		all = append(all, s)
	}
	return all, nil
}

func subnet(fields []string) (dc.Subnet, error) {
	if len(fields) != 2 {
		return dc.Subnet{}, errors.New("want a subnet and a site, as in 10.0.0.0/16 Oslo")
	}
	prefix, err := netip.ParsePrefix(fields[0])
	return dc.Subnet{Prefix: prefix, Site: fields[1]}, err
}
