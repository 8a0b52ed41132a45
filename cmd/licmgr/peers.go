package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/tslab/tslab/internal/admin"
	tscli "github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/transport"
	"github.com/tslab/tslab/wire/tsls"
)

func peersCommand() *cli.Command {
	return &cli.Command{
		Name:     "peers",
		Metadata: tscli.Examples(35, "licmgr peers"),
		Usage:    "show what the license server believes of the others",
		Description: "License servers of a workgroup, domain or site tell each other what they have, and refer terminal servers\n" +
			"to one that has a CAL when they have none. What is shown here is what this one has heard, and how long ago;\n" +
			"only the other's own store decides.",
		Flags: flags(tscli.JSONFlag()),
		Action: func(ctx context.Context, c *cli.Command) error {
			return with(ctx, c, func(ctx context.Context, conn *transport.Conn) error {
				list, err := admin.Ask[tsls.PeerList](ctx, conn, tsls.Peers{})
				if err != nil {
					return err
				}
				shown := peersOf(conn.Server().Name, list)
				if c.Bool("json") {
					return tscli.JSON(c.Root().Writer, shown)
				}
				return shown.print(c.Root().Writer)
			})
		},
	}
}

// neighborhood is what `licmgr peers` shows; its JSON form is stable.
type neighborhood struct {
	Server string    `json:"server"`
	Group  string    `json:"group"` // "" when the server shares its inventory with nobody
	Now    time.Time `json:"now"`   // the server's calendar
	Peers  []peer    `json:"peers"`
}

type peer struct {
	Name       string     `json:"name"`
	ServerID   string     `json:"server_id"`
	Address    string     `json:"address"`
	Edition    string     `json:"edition"`
	Scope      string     `json:"scope"`
	Site       string     `json:"site,omitempty"`
	Activated  bool       `json:"activated"`
	Seen       bool       `json:"seen"`
	Doubted    bool       `json:"doubted"` // counts as empty until it announces its inventory again
	Heard      *time.Time `json:"heard"`
	AgeSeconds int64      `json:"age_seconds"`
	Free       uint64     `json:"free"` // CALs, of all pools
	Pools      []pool     `json:"pools"`
}

type pool struct {
	Kind      string `json:"kind"`
	Version   string `json:"version"`
	Total     uint32 `json:"total"`
	Available uint32 `json:"available"`
}

func peersOf(server string, list tsls.PeerList) neighborhood {
	shown := neighborhood{Server: server, Group: list.Group, Now: list.Now, Peers: []peer{}}
	for _, p := range list.Peers {
		one := peer{Name: p.Name, ServerID: p.ServerID, Address: p.Address, Edition: p.Edition, Scope: p.Scope, Site: p.Site,
			Activated: p.Activated, Seen: p.Seen, Doubted: p.Doubted, Heard: dated(p.Heard), Pools: []pool{}}
		if !p.Heard.IsZero() {
			one.AgeSeconds = int64(list.Now.Sub(p.Heard) / time.Second)
		}
		for _, q := range p.Pools {
			one.Pools = append(one.Pools, pool{q.Kind, fmt.Sprintf("%d.%d", q.Major, q.Minor), q.Total, q.Available})
			if q.Kind == calKind {
				one.Free += uint64(q.Available)
			}
		}
		shown.Peers = append(shown.Peers, one)
	}
	return shown
}

const calKind = "CAL"

// print writes the table.
func (n neighborhood) print(w io.Writer) error {
	switch {
	case n.Group == "":
		_, err := fmt.Fprintf(w, "%s shares its inventory with nobody: it was started so, or cannot\n", n.Server)
		return err
	case len(n.Peers) == 0:
		_, err := fmt.Fprintf(w, "%s shares its inventory with %s, and has heard of no other license server\n", n.Server, n.Group)
		return err
	}
	fmt.Fprintf(w, "%s shares its inventory with %s\n\n", n.Server, n.Group)
	t := tscli.Table{Header: []string{"SERVER", "ADDRESS", "EDITION", "CALS FREE", "OF", "HEARD", "STATE"}}
	for _, p := range n.Peers {
		free, total := "-", "-"
		if p.Activated {
			var sum uint64
			for _, q := range p.Pools {
				if q.Kind == calKind {
					sum += uint64(q.Total)
				}
			}
			free, total = fmt.Sprint(p.Free), fmt.Sprint(sum)
		}
		t.Row(p.Name, p.Address, p.Edition, free, total, age(p), p.state())
	}
	return t.Print(w)
}

// age is how long ago a peer was heard.
func age(p peer) string {
	if p.Heard == nil {
		return "never"
	}
	d := time.Duration(p.AgeSeconds) * time.Second
	switch {
	case d < 0:
		return "-" // the calendar was set back
	case d < time.Minute:
		return fmt.Sprintf("%d s ago", p.AgeSeconds)
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h ago", int(d.Hours()))
	}
	return fmt.Sprintf("%d d ago", int(d.Hours()/24))
}

func (p peer) state() string {
	switch {
	case !p.Activated:
		return "not activated"
	case p.Doubted:
		return "found empty"
	case !p.Seen:
		return "silent"
	}
	return "there"
}
