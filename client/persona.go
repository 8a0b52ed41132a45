package client

import (
	"fmt"
	"strings"

	"github.com/tslab/tslab/wire/licensing"
)

// Persona is a kind of device: what it says of itself on the wire, and how it keeps
// its licenses.
type Persona struct {
	Name       string // what --persona takes
	Title      string
	Platform   licensing.Platform
	ClientType licensing.ClientType
	Build      uint32 // of the client, in its core data
	Macintosh  bool   // keeps a folder of files instead of a registry
}

// Personas are all kinds of device. Builds are those of the operating systems.
func Personas() []Persona {
	const ms = licensing.ISVMicrosoft
	return []Persona{
		{Name: "9x", Title: "Windows 98", Platform: licensing.OSOther | ms | 2222, ClientType: licensing.ClientWin32, Build: 2195},
		{Name: "me", Title: "Windows Me", Platform: licensing.OSOther | ms | 3000, ClientType: licensing.ClientWin32, Build: 2195},
		{Name: "nt4", Title: "Windows NT 4.0 Workstation", Platform: licensing.OSNT4 | ms | 1381, ClientType: licensing.ClientWin32, Build: 419},
		{Name: "w2k-pro", Title: "Windows 2000 Professional", Platform: licensing.OSNT5 | ms | 2195, ClientType: licensing.ClientWin32, Build: 2195},
		{Name: "xp-pro", Title: "Windows XP Professional", Platform: licensing.OSNT5 | ms | 2600, ClientType: licensing.ClientWin32, Build: 2600},
		{Name: "xp-home", Title: "Windows XP Home Edition", Platform: licensing.OSNT5 | ms | licensing.HomeEdition | 2600, ClientType: licensing.ClientWin32, Build: 2600},
		{Name: "ce", Title: "Windows CE", Platform: licensing.OSOther | ms | 300, ClientType: licensing.ClientWinCE, Build: 419},
		{Name: "mac", Title: "Macintosh", Platform: licensing.OSMacintosh | ms | 1, ClientType: licensing.ClientOther, Build: 2600, Macintosh: true},
	}
}

// DefaultPersona earns a CAL on every edition of the server.
const DefaultPersona = "9x"

// FindPersona finds a persona by its name.
func FindPersona(name string) (Persona, error) {
	var names []string
	for _, p := range Personas() {
		if p.Name == name {
			return p, nil
		}
		names = append(names, p.Name)
	}
	return Persona{}, fmt.Errorf("persona %q: want one of %s", name, strings.Join(names, ", "))
}
