// Command requirements builds docs/requirements.md: each requirement that was drawn
// from the documents, in a line of our own, with the tests that prove it. A test
// says what it proves in its own source, as "// proves R96"; what nothing proves yet
// is listed as open. Run it in the root of the module:
//
//	go run ./internal/requirements
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/tslab/tslab/internal/durable"
)

// pageName is the page, from the root of the module.
const pageName = "docs/requirements.md"

func main() {
	if err := run("."); err != nil {
		fmt.Fprintln(os.Stderr, "requirements:", err)
		os.Exit(1)
	}
}

// run writes the page of the module at root.
func run(root string) error {
	page, err := build(root)
	if err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(root, pageName), page, 0o644)
}

// build makes the page of the module at root.
func build(root string) ([]byte, error) {
	table, err := readTable()
	if err != nil {
		return nil, err
	}
	proofs, err := marks(root)
	if err != nil {
		return nil, err
	}
	if err := table.enter(proofs); err != nil {
		return nil, err
	}
	return table.page(), nil
}
