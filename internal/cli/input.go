package cli

import (
	"io"
	"os"

	"github.com/urfave/cli/v3"
)

// MaxInput is how many bytes of a document are read; what is longer is none.
const MaxInput = 1 << 20

// ReadInput reads the document in a file, "-" standing for standard input.
func ReadInput(c *cli.Command, path string) ([]byte, error) {
	if path == "-" {
		return io.ReadAll(io.LimitReader(c.Root().Reader, MaxInput))
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, MaxInput))
}
