package program

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tslab/tslab/internal/durable"
)

// OwnerName is the file of the state folder that says whose it is.
const OwnerName = "owner.json"

// owner is the program and the host that have served from a state folder.
type owner struct {
	Program string `json:"program"`
	Host    string `json:"host"`
}

func (o owner) String() string {
	kind := map[string]string{"termsrv": "terminal server", "lserver": "license server"}[o.Program]
	if kind == "" {
		kind = o.Program
	}
	return fmt.Sprintf("%s %q", kind, o.Host)
}

// owned refuses the state folder of another server: its files would be mistaken for
// this one's, or written over. A folder that says nothing is taken.
func (p *Program) owned() error {
	path := filepath.Join(p.State, OwnerName)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("state folder: %w", err)
	}
	var o owner
	if err := json.Unmarshal(text, &o); err != nil || o.Program == "" || o.Host == "" {
		return fmt.Errorf("state folder: %s does not say whose it is: delete it if the folder is of %s %q", path, p.Name, p.Host)
	}
	switch {
	case o.Program != p.Name:
		return fmt.Errorf("state folder %s belongs to %v; choose another with --state", p.State, o)
	case o.Host != p.Host:
		return fmt.Errorf("state folder %s belongs to %v, and this is %q; choose another with --state, or say --host %s", p.State, o, p.Host, o.Host)
	}
	return nil
}

// own enters the program as the owner of its state folder, once it serves from it.
func (p *Program) own() {
	path := filepath.Join(p.State, OwnerName)
	if _, err := os.Stat(path); err == nil {
		return
	}
	text, err := json.Marshal(owner{p.Name, p.Host})
	if err == nil {
		_ = durable.WriteFile(path, append(text, '\n'), 0o600) // a full disk does not end a server that serves
	}
}
