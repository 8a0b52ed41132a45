package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/tslab/tslab/internal/admin"
	tscli "github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/transport"
	"github.com/tslab/tslab/wire/token"
	"github.com/tslab/tslab/wire/tsls"
)

func showCommand() *cli.Command {
	return &cli.Command{
		Name:     "show",
		Metadata: tscli.Examples(33, "licmgr show --tree --tokens --server 127.0.0.1"),
		Usage:    "show license servers, their key packs and, if asked, their tokens",
		Description: "Without --tree it is one license server, this machine's unless --server names another. With --tree, or with\n" +
			"more than one --server, it is the tree of the licensing tool: all license servers that are named or, when none\n" +
			"is, found; below each its key packs, and below those the tokens with --tokens. Only tokens of Terminal Services\n" +
			"are there: Server and BackOffice CALs are no license server's business.",
		Flags: seekFlags(
			&cli.BoolFlag{Name: "tree", Usage: "show the tree of all license servers"},
			&cli.BoolFlag{Name: "tokens", Usage: "show the tokens too"},
			tscli.JSONFlag()),
		Action: func(ctx context.Context, c *cli.Command) error {
			tokens := c.Bool("tokens")
			tree := c.Bool("tree") || len(c.StringSlice("server")) > 1
			var otherwise []string
			if !tree {
				otherwise = []string{thisMachine}
			}
			list, failed, err := everywhere(ctx, c, otherwise, func(ctx context.Context, conn *transport.Conn) (shown, error) {
				return collect(ctx, conn, tokens)
			})
			if err != nil {
				return err
			}
			switch {
			case !tree && len(failed) > 0:
				return errors.New(failed[0].Error)
			case c.Bool("json") && tree:
				err = tscli.JSON(c.Root().Writer, forest{orEmpty(list), failed})
			case c.Bool("json"):
				err = tscli.JSON(c.Root().Writer, list[0])
			case tree:
				err = printTree(c.Root().Writer, list, tokens)
			default:
				err = list[0].print(c.Root().Writer, tokens)
			}
			if err != nil {
				return err
			}
			return complain(c, failed)
		},
	}
}

// forest is what `licmgr show --tree` shows; its JSON form is stable.
type forest struct {
	Servers []shown   `json:"servers"`
	Failed  []failure `json:"failed"`
}

func orEmpty(list []shown) []shown {
	if list == nil {
		return []shown{}
	}
	return list
}

// shown is what `licmgr show` shows; its JSON form is stable.
type shown struct {
	Server   server    `json:"server"`
	KeyPacks []keyPack `json:"key_packs"`
	Tokens   []license `json:"tokens,omitempty"`
}

type server struct {
	Name          string `json:"name"`
	Address       string `json:"address"`
	ServerID      string `json:"server_id"`
	Edition       string `json:"edition"`
	Scope         string `json:"scope"`
	Activated     bool   `json:"activated"`
	Features      string `json:"features"`
	CALIssuedEver bool   `json:"cal_issued_ever"`
}

// keyPack has null for the counts of a pool that never empties.
type keyPack struct {
	ID        string     `json:"id"`
	Kind      string     `json:"kind"`
	Product   string     `json:"product"`
	Program   string     `json:"program,omitempty"`
	Total     *uint32    `json:"total"`
	Available *uint32    `json:"available"`
	Issued    uint32     `json:"issued"`
	Installed *time.Time `json:"installed,omitempty"`
}

type license struct {
	LicenseID  string     `json:"license_id"`
	KeyPackID  string     `json:"key_pack_id,omitempty"`
	Kind       string     `json:"kind"`
	Product    string     `json:"product"`
	State      string     `json:"state"`
	Validated  bool       `json:"validated"`
	HardwareID string     `json:"hardware_id"`
	Machine    string     `json:"machine"`
	User       string     `json:"user,omitempty"`
	Issuer     string     `json:"issuer"`
	Issued     time.Time  `json:"issued"`
	Expires    *time.Time `json:"expires"` // null: never
}

// collect asks for all that is shown.
func collect(ctx context.Context, conn *transport.Conn, tokens bool) (shown, error) {
	info := conn.Server()
	s := shown{Server: server{Name: info.Name, Address: conn.Addr(), ServerID: info.ServerID, Edition: info.Edition, Scope: info.Scope,
		Activated: info.Activated, Features: info.Features.String(), CALIssuedEver: info.CALIssuedEver}, KeyPacks: []keyPack{}}
	list, err := admin.Ask[tsls.KeyPackList](ctx, conn, tsls.KeyPacks{})
	if err != nil {
		return shown{}, err
	}
	for _, p := range list.Packs {
		s.KeyPacks = append(s.KeyPacks, keyPack{ID: p.ID, Kind: p.Kind, Product: p.Product, Program: p.Program,
			Total: limited(p.Total), Available: limited(p.Available), Issued: p.Issued, Installed: dated(p.Installed)})
	}
	if !tokens {
		return s, nil
	}
	licenses, err := admin.Licenses(ctx, conn)
	if err != nil {
		return shown{}, err
	}
	for _, l := range licenses {
		s.Tokens = append(s.Tokens, license{LicenseID: l.LicenseID, KeyPackID: l.KeyPackID, Kind: l.Kind, Product: l.Product, State: l.State,
			Validated: l.Validated, HardwareID: l.HardwareID.String(), Machine: l.Machine, User: l.User, Issuer: l.Issuer,
			Issued: l.Issued, Expires: dated(l.Expires)})
	}
	return s, nil
}

func limited(n uint32) *uint32 {
	if n == tsls.Unlimited {
		return nil
	}
	return &n
}

func dated(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// print writes the tables.
func (s shown) print(w io.Writer, tokens bool) error {
	var about tscli.Table
	about.Row("License server", fmt.Sprintf("%s (%s)", s.Server.Name, s.Server.Address))
	if s.Server.Activated {
		about.Row("License Server ID", s.Server.ServerID)
	} else {
		about.Row("License Server ID", "none: not activated, issues temporary tokens only")
	}
	about.Row("Edition", s.Server.Edition)
	about.Row("Scope", s.Server.Scope)
	packs := tscli.Table{Header: []string{"KEY PACK", "PROGRAM", "TOTAL", "AVAILABLE", "ISSUED"}}
	for _, p := range s.KeyPacks {
		packs.Row(fmt.Sprintf("%s, %s", p.Kind, p.Product), orDash(p.Program), count(p.Total), count(p.Available), p.Issued)
		if p.ID != "" {
			packs.Row("  " + p.ID)
		}
	}
	tables := []tscli.Table{about, packs}
	if tokens {
		tables = append(tables, s.tokenTable())
	}
	for i, t := range tables {
		if i > 0 {
			fmt.Fprintln(w)
		}
		if err := t.Print(w); err != nil {
			return err
		}
	}
	if s.perUser() {
		fmt.Fprintln(w, "\nPer User licenses are not counted: nothing keeps more users than licenses out.")
	}
	return nil
}

// perUser reports a server with Per User licenses, which are never decremented.
func (s shown) perUser() bool {
	return slices.ContainsFunc(s.KeyPacks, func(p keyPack) bool { return p.Kind == token.PerUser.String() })
}

func (s shown) tokenTable() tscli.Table {
	t := tscli.Table{Header: []string{"TOKEN", "TYPE", "STATUS", "DEVICE", "ISSUED", "EXPIRES"}}
	for _, l := range s.Tokens {
		t.Row(l.LicenseID, l.shortKind(), l.status(), tscli.Clip(l.Machine, 14), l.Issued.Format(time.DateOnly), l.end())
	}
	return t
}

// shortKind is the kind in nine columns.
func (l license) shortKind() string {
	if l.Kind == token.InternetConnector.String() {
		return "connector"
	}
	return l.Kind
}

// status is the state, and of a temporary token that is out whether its device has
// logged on.
func (l license) status() string {
	if l.Kind == token.Temporary.String() && l.State == "active" && l.Validated {
		return "validated"
	}
	return l.State
}

func (l license) end() string {
	if l.Expires == nil {
		return "never"
	}
	return l.Expires.Format(time.DateOnly)
}

func count(n *uint32) string {
	if n == nil {
		return "unlimited"
	}
	return strconv.FormatUint(uint64(*n), 10)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
