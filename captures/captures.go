// Package captures holds what teaches Wireshark the lab's protocols, and beside it
// lie the reference captures that show them (README.md in this folder).
//
// The dissector is for Wireshark 4, which runs Lua 5.2 or, from 4.4 on, Lua 5.4. It is
// kept in parts, which Dissector joins: Wireshark loads every file of its plugin
// folder by itself, in no useful order.
package captures

import (
	"bytes"
	"embed"
)

// FileName is the dissector's name in a plugin folder.
const FileName = "tslab.lua"

// mark begins the dissector, so that it can be told from other people's files.
const mark = "-- TSLab dissector for Wireshark"

//go:embed lua/*.lua
var parts embed.FS

// Dissector is the dissector as one file.
func Dissector() []byte {
	var b bytes.Buffer
	b.WriteString(mark + "; written by `tslab wireshark install`, removed by `tslab wireshark uninstall`.\n")
	b.WriteString("local T = {}\n")
	for _, name := range []string{"base", "crypto", "token", "rdpele", "rdp", "tsls", "locate"} {
		part, err := parts.ReadFile("lua/" + name + ".lua")
		if err != nil {
			panic("captures: " + err.Error()) // it was built in
		}
		b.WriteString("do\n")
		b.Write(part)
		b.WriteString("end\n")
	}
	return b.Bytes()
}

// IsDissector says whether a file is a dissector of the lab's, of any version.
func IsDissector(text []byte) bool { return bytes.HasPrefix(text, []byte(mark)) }
