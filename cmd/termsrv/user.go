package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	ucli "github.com/urfave/cli/v3"
	"golang.org/x/term"

	"github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/ts"
)

func userCommand() *ucli.Command {
	return &ucli.Command{
		Name: "user", Metadata: cli.Examples(29, "termsrv user amy"),
		Usage:     "print a line of a users file; the password is read from standard input",
		ArgsUsage: "NAME",
		Action: func(_ context.Context, c *ucli.Command) error {
			args, err := cli.Args(c, 1, 1)
			if err != nil {
				return err
			}
			password, err := readPassword(c.Root().Reader, c.Root().ErrWriter)
			if err != nil {
				return err
			}
			line, err := ts.UserLine(args[0], password)
			if err == nil {
				_, err = io.WriteString(c.Root().Writer, line)
			}
			return err
		},
	}
}

// readPassword reads a line, unseen when it is typed.
func readPassword(in io.Reader, prompt io.Writer) (string, error) {
	if f, ok := in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		fmt.Fprint(prompt, "Password: ")
		password, err := term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(prompt)
		return string(password), err
	}
	line, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && (!errors.Is(err, io.EOF) || line == "") {
		return "", fmt.Errorf("no password on standard input: %w", err)
	}
	return strings.TrimRight(line, "\r\n"), nil
}
