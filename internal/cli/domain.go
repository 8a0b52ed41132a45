package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"

	"github.com/urfave/cli/v3"
)

// Domain is what a program is told about the domain that its host belongs to.
type Domain struct {
	Name       string // DNS name; empty in a workgroup
	Controller string // host or host:port of a domain controller; empty: DNS names them
	Secret     []byte // of joining
}

// DomainFlags are the flags of a program that can be a member of a domain.
func DomainFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "domain", Usage: "join the domain `NAME`, such as corp.example", DefaultText: "none: a workgroup"},
		&cli.StringFlag{Name: "dc", Usage: "join, and ask for the site, at the domain controller `ADDR`; license servers are sought at those that DNS names all the same", DefaultText: "those that DNS names"},
		&cli.StringFlag{Name: "join-secret-file", Usage: "join with the secret in `FILE`", DefaultText: "only a membership that is there is made anew"},
	}
}

const maxSecretFile = 4 << 10

// DomainFrom reads the flags of [DomainFlags], and the secret.
func DomainFrom(c *cli.Command) (Domain, error) {
	d := Domain{Name: c.String("domain"), Controller: c.String("dc")}
	path := c.String("join-secret-file")
	if d.Name == "" && (d.Controller != "" || path != "") {
		return d, Usage("--dc and --join-secret-file need --domain")
	}
	if path == "" {
		return d, nil
	}
	var err error
	d.Secret, err = SecretFile(path)
	return d, err
}

// SecretFile reads a secret: the file without the blanks and line breaks at its ends.
func SecretFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("join secret: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxSecretFile))
	if err != nil {
		return nil, fmt.Errorf("join secret: %w", err)
	}
	if text = bytes.TrimSpace(text); len(text) == 0 {
		return nil, fmt.Errorf("join secret: %s is empty", path)
	}
	return text, nil
}
