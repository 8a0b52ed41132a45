package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v3"

	tscli "github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/control"
	"github.com/tslab/tslab/internal/identity"
	"github.com/tslab/tslab/ls/store"
)

func backupCommand() *cli.Command {
	return &cli.Command{
		Name:      "backup",
		Metadata:  tscli.Examples(36, "licmgr backup --lserver ls1 monday.db"),
		Usage:     "write a backup of the license server on this machine, while it serves",
		ArgsUsage: "FILE",
		Description: "The backup is the license store as it is at this moment: key packs, tokens, activation. It belongs to this\n" +
			"machine's host key, identity.pem in the state folder, which it does not hold. A FILE that is there is left alone.",
		Flags: []cli.Flag{lserverFlag(), tscli.JSONFlag()},
		Action: func(ctx context.Context, c *cli.Command) error {
			args, err := tscli.Args(c, 1, 1)
			if err != nil {
				return err
			}
			path, err := filepath.Abs(args[0])
			if err != nil {
				return err
			}
			var about store.About
			err = control.Call(ctx, c.String("lserver"), "backup", path, &about)
			if e, ok := errors.AsType[*control.Error](err); ok {
				return errors.New(e.Text)
			}
			if err != nil {
				return err
			}
			return sayStore(c, "backup of "+tscli.Printable(about.Name)+": "+args[0], about)
		},
	}
}

func restoreCommand() *cli.Command {
	return &cli.Command{
		Name: "restore", Metadata: tscli.Examples(150, "licmgr restore --lserver ls1 monday.db"),
		Usage:     "put a backup back into the state folder of a license server that is stopped",
		ArgsUsage: "FILE",
		Description: "A backup of another machine is refused: the database alone cannot move to another host. The store that lies\n" +
			"there is kept beside, under another name.",
		Flags: []cli.Flag{lserverFlag(), tscli.JSONFlag()},
		Action: func(ctx context.Context, c *cli.Command) error {
			args, err := tscli.Args(c, 1, 1)
			if err != nil {
				return err
			}
			return restore(ctx, c, args[0])
		},
	}
}

func restore(ctx context.Context, c *cli.Command, backup string) error {
	dir := c.String("lserver")
	err := control.Call(ctx, dir, "status", nil, nil)
	if err == nil {
		return fmt.Errorf("a license server is running in %s; stop it first", dir)
	}
	if !errors.Is(err, control.ErrNotRunning) && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	own := ""
	id, err := identity.Load(dir)
	switch {
	case err == nil:
		own = identity.Fingerprint(id.Certificate)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	about, kept, err := store.Restore(dir, backup, own)
	if err != nil {
		return err
	}
	if err := sayStore(c, "restored "+tscli.Printable(about.Name)+" from "+backup, about); err != nil || c.Bool("json") {
		return err
	}
	w := c.Root().Writer
	how := ""
	if kept != "" {
		fmt.Fprintf(w, "the store that was there is kept: %s\n", kept)
		how = compare
	}
	fmt.Fprintln(w)
	for _, line := range wrap(repair+how, tscli.Width) {
		fmt.Fprintln(w, line)
	}
	return nil
}

// repair is what an administrator does after a backup was put back (drill D37).
const repair = "What was issued after the backup is not in the store, though devices hold it: those tokens work until they are near their end, and each " +
	"then costs a CAL. Start the license server; its events token.without-row and token.duplicate name every such device by its license id, when it comes. " +
	"Have as many CALs free as tokens were issued since; where there are fewer, have the clearinghouse issue the missing ones again, by telephone, with the " +
	"License Server ID, the purchase and those license ids (`clearinghouse recover`)."

// compare is how they are known at once, when the former store is still there.
const compare = " They can be named now, too: with the license server running, `licmgr check --former FILE` compares with the store that is kept."

// sayStore tells what is in a store.
func sayStore(c *cli.Command, head string, a store.About) error {
	if c.Bool("json") {
		return tscli.JSON(c.Root().Writer, storeShown{a.Name, a.ServerID, a.Packs, a.CALs, a.Tokens, dated(a.Newest), a.Size})
	}
	newest := "none"
	if !a.Newest.IsZero() {
		newest = a.Newest.Format(time.DateTime)
	}
	_, err := fmt.Fprintf(c.Root().Writer, "%s\n%d key packs with %d CALs, %d tokens, the newest of %s\n", head, a.Packs, a.CALs, a.Tokens, newest)
	return err
}

// storeShown is what `licmgr backup` and `restore` show; its JSON form is stable.
type storeShown struct {
	Name     string     `json:"name"`
	ServerID string     `json:"server_id"`
	Packs    int        `json:"key_packs"`
	CALs     uint32     `json:"cals"`
	Tokens   int        `json:"tokens"`
	Newest   *time.Time `json:"newest"` // issued; null: none
	Size     int64      `json:"size"`   // bytes
}
