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
	switch o.Program {
	case "termsrv":
		return fmt.Sprintf("terminal server %q", o.Host)
	case "lserver":
		return fmt.Sprintf("license server %q", o.Host)
	case "labdc":
		return fmt.Sprintf("domain controller %q", o.Host)
	case "tslab":
		return "`tslab serve`"
	}
	return "the " + o.Program
}

// ownerHost is the host that a program's folder is of. A clearinghouse is of none: its
// root makes it the one that it is, wherever it runs.
func ownerHost(program, host string) string {
	if program == "clearinghouse" {
		return program
	}
	return host
}

// Owned refuses the state folder of another server: its files would be mistaken for
// the program's own, or written over. A folder that says nothing may be taken.
func Owned(state, program, host string) error {
	host = ownerHost(program, host)
	path := filepath.Join(state, OwnerName)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("state folder: %w", err)
	}
	var o owner
	if err := json.Unmarshal(text, &o); err != nil || o.Program == "" || o.Host == "" {
		return fmt.Errorf("state folder: %s does not say whose it is: delete it if the folder is of %s %q", path, program, host)
	}
	switch {
	case o.Program != program:
		return fmt.Errorf("state folder %s belongs to %v; choose another with --state", state, o)
	case o.Host != host:
		return fmt.Errorf("state folder %s belongs to %v, and this is %q; choose another with --state, or say --host %s", state, o, host, o.Host)
	}
	return nil
}

// Own enters the program as the owner of the state folder, once it works in it.
func Own(state, program, host string) {
	host = ownerHost(program, host)
	path := filepath.Join(state, OwnerName)
	if _, err := os.Stat(path); err == nil {
		return
	}
	text, err := json.Marshal(owner{program, host})
	if err == nil {
		_ = durable.WriteFile(path, append(text, '\n'), 0o600) // a full disk does not end a server that serves
	}
}
