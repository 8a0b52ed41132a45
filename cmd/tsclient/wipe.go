package main

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v3"

	tscli "github.com/tslab/tslab/internal/cli"
)

func wipeCommand() *cli.Command {
	return &cli.Command{
		Name: "wipe", Metadata: tscli.Examples(72, "tsclient wipe --state pc1"),
		Usage:       "delete what the license store holds, as when the MSLicensing key is deleted",
		Description: "The exit status is 3 when there was nothing to delete; that is no refusal, as connect's 3 is.",
		Flags: append(storeFlags(),
			&cli.BoolFlag{Name: "hardware-id", Usage: "delete the hardware id only, which is the key MSLicensing\\HardwareID; at the next connection the device makes a new one, and the old licenses go with the old one"},
			&cli.BoolFlag{Name: "licenses", Usage: "delete the licenses only"},
		),
		Action: wipe,
	}
}

func wipe(_ context.Context, c *cli.Command) error {
	if _, err := tscli.Args(c, 0, 0); err != nil {
		return err
	}
	_, store, err := openStore(c)
	if err != nil {
		return err
	}
	licenses, id := c.Bool("licenses"), c.Bool("hardware-id")
	if !licenses && !id {
		licenses, id = true, true
	}
	_, hadID := store.HardwareID()
	count := len(store.Licenses())
	if (!licenses || count == 0) && (!id || !hadID) {
		return tscli.Exit(tscli.CodeNothing, fmt.Errorf("%s holds nothing to delete", store))
	}
	if err := store.Wipe(licenses, id); err != nil {
		return err
	}
	switch {
	case licenses && count == 1:
		fmt.Fprintf(c.Root().Writer, "deleted 1 license from %s\n", store)
	case licenses:
		fmt.Fprintf(c.Root().Writer, "deleted %d licenses from %s\n", count, store)
	}
	if id && hadID {
		fmt.Fprintf(c.Root().Writer, "deleted the hardware id from %s\n", store)
	}
	return nil
}
