package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	ucli "github.com/urfave/cli/v3"

	"github.com/tslab/tslab/captures"
	"github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/durable"
)

func wiresharkCommand() *ucli.Command {
	dir := &ucli.StringFlag{Name: "dir", Usage: "Wireshark looks for plugins in `DIR`", DefaultText: "the user's plugin folder"}
	return &ucli.Command{
		Name:  "wireshark",
		Usage: "teach Wireshark 4 the lab's protocols",
		Commands: []*ucli.Command{{
			Name: "install", Metadata: cli.Examples(131, "tslab wireshark install"),
			Usage: "put the dissector into the user's plugin folder",
			Description: "Wireshark and tshark then open captures of the lab without an option: TLS and plain RDP on port 3389, every\n" +
				"licensing message (filter rdpele) and the license server protocol (filter tsls). A running Wireshark reads it\n" +
				"after Analyze, Reload Lua Plugins. `Help, About, Folders` shows the plugin folder if it is not found there.",
			Flags:  []ucli.Flag{dir},
			Action: installDissector,
		}, {
			Name: "uninstall", Metadata: cli.Examples(132, "tslab wireshark uninstall"),
			Usage:  "take it out again",
			Flags:  []ucli.Flag{dir},
			Action: uninstallDissector,
		}},
	}
}

func installDissector(_ context.Context, c *ucli.Command) error {
	path, there, err := dissectorPath(c)
	if err != nil {
		return err
	}
	text := captures.Dissector()
	if bytes.Equal(there, text) {
		return cli.Exit(cli.CodeNothing, fmt.Errorf("%s is there already", path))
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := durable.WriteFile(path, text, 0o644); err != nil {
		return err
	}
	_, err = fmt.Fprintln(c.Root().Writer, path)
	return err
}

func uninstallDissector(_ context.Context, c *ucli.Command) error {
	path, there, err := dissectorPath(c)
	if err != nil {
		return err
	}
	if there == nil {
		return cli.Exit(cli.CodeNothing, fmt.Errorf("%s is not there", path))
	}
	return os.Remove(path)
}

// dissectorPath is where the dissector goes and what stands there; a file of somebody
// else's is an error.
func dissectorPath(c *ucli.Command) (path string, there []byte, err error) {
	if _, err := cli.Args(c, 0, 0); err != nil {
		return "", nil, err
	}
	dir := c.String("dir")
	if dir == "" {
		if dir, err = pluginFolder(runtime.GOOS, os.Getenv, os.UserHomeDir); err != nil {
			return "", nil, err
		}
	}
	path = filepath.Join(dir, captures.FileName)
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return path, nil, nil
	}
	if err == nil && info.Mode().IsRegular() {
		if there, err = os.ReadFile(path); err == nil && captures.IsDissector(there) {
			return path, there, nil
		}
	}
	if err != nil {
		return "", nil, err
	}
	return "", nil, fmt.Errorf("%s is not TSLab's and is left alone; move it away, or choose another folder with --dir", path)
}

// pluginFolder is the folder of a user's Lua plugins, as the Wireshark User's Guide
// appendix B has it.
func pluginFolder(system string, getenv func(string) string, home func() (string, error)) (string, error) {
	if system == "windows" {
		if dir := getenv("APPDATA"); dir != "" {
			return filepath.Join(dir, "Wireshark", "plugins"), nil
		}
	}
	dir, err := home()
	if err != nil {
		return "", fmt.Errorf("the plugin folder is not known: %w; say it with --dir", err)
	}
	return filepath.Join(dir, ".local", "lib", "wireshark", "plugins"), nil
}
