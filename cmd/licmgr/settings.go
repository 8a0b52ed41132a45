package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/urfave/cli/v3"

	"github.com/tslab/tslab/internal/admin"
	tscli "github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/durable"
	"github.com/tslab/tslab/internal/hostport"
)

// settingsName is the file of the tool's state folder that keeps what the Properties of
// a license server are (white paper, License Recovery: View, Properties).
const settingsName = "properties.json"

// settings are what the tool remembers.
type settings struct {
	Servers map[string]*properties `json:"servers"`       // by address
	Trusted []string               `json:"trusted_sites"` // addresses of clearinghouses

	path string
}

// properties are what the tool remembers of a license server; its JSON form is stable.
type properties struct {
	Method        string `json:"method,omitempty"`
	Clearinghouse string `json:"clearinghouse,omitempty"` // host or host:port
	Roots         string `json:"roots,omitempty"`         // file
	Company       string `json:"company,omitempty"`
	Contact       string `json:"contact,omitempty"`
	Email         string `json:"email,omitempty"`
	Country       string `json:"country,omitempty"`
	ReturnFax     string `json:"return_fax,omitempty"`
}

// field is where a property lies, by its name as a flag; nil: it is none.
func (p *properties) field(name string) *string {
	return map[string]*string{
		"method": &p.Method, "clearinghouse": &p.Clearinghouse, "roots": &p.Roots, "company": &p.Company, "contact": &p.Contact,
		"email": &p.Email, "country": &p.Country, "return-fax": &p.ReturnFax,
	}[name]
}

// openSettings reads what the tool remembers.
func openSettings(c *cli.Command) (*settings, error) {
	dir := c.String("state")
	if dir == "" {
		var err error
		if dir, err = tscli.StateDir("licmgr"); err != nil {
			return nil, err
		}
	}
	s := &settings{Servers: map[string]*properties{}, path: filepath.Join(dir, settingsName)}
	text, err := os.ReadFile(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, fmt.Errorf("properties: %w", err)
	}
	if err := json.Unmarshal(text, s); err != nil {
		return nil, fmt.Errorf("properties: %s: %w: delete it, and say what is in it again", s.path, err)
	}
	if s.Servers == nil {
		s.Servers = map[string]*properties{}
	}
	return s, nil
}

// of is what is remembered of the license server that --server names.
func (s *settings) of(c *cli.Command) (*properties, error) {
	addr, err := hostport.Parse(c.String("server"), admin.DefaultPort)
	if err != nil {
		return nil, tscli.Usage("--server %v", err)
	}
	if s.Servers[addr] == nil {
		s.Servers[addr] = &properties{}
	}
	return s.Servers[addr], nil
}

func (s *settings) save() error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(s.path), 0o700); err != nil {
		return fmt.Errorf("properties: %w", err)
	}
	return durable.WriteFile(s.path, append(text, '\n'), 0o600)
}

// trusts reports a site that is in the list of trusted ones.
func (s *settings) trusts(site string) bool { return slices.Contains(s.Trusted, site) }
