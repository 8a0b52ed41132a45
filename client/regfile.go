package client

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"
)

// regHeader opens a file of Registry Editor 5.00; regHeader4 one of the editors
// before it, which wrote no Unicode.
const (
	regHeader  = "Windows Registry Editor Version 5.00"
	regHeader4 = "REGEDIT4"
)

// regFile is a registry as the Registry Editor exports it: keys in their order,
// and of values what it takes to write them again unchanged.
type regFile struct{ keys []regKey }

type regKey struct {
	path   string
	values []regValue
}

// regValue is a value; the name "" is the default value. Hexadecimal values are
// decoded, others kept as their text.
type regValue struct {
	name string
	kind string // "hex:" for a binary value, "hex(2):" and the like; "" for text
	data []byte
	text string // what stands behind the equals sign
}

const regBinary = "hex:"

func binaryValue(name string, data []byte) regValue {
	return regValue{name: name, kind: regBinary, data: data}
}

// find is the key with that path, in any case, or nil.
func (f *regFile) find(path string) *regKey {
	for i := range f.keys {
		if strings.EqualFold(f.keys[i].path, path) {
			return &f.keys[i]
		}
	}
	return nil
}

// make finds or adds a key; those above it come first, as in an export.
func (f *regFile) make(path string) *regKey {
	if k := f.find(path); k != nil {
		return k
	}
	f.keys = append(f.keys, regKey{path: path})
	return &f.keys[len(f.keys)-1]
}

// remove deletes a key with all below it.
func (f *regFile) remove(path string) {
	f.keys = slices.DeleteFunc(f.keys, func(k regKey) bool {
		return strings.EqualFold(k.path, path) || isBelow(k.path, path)
	})
}

func isBelow(path, above string) bool {
	return len(path) > len(above) && strings.EqualFold(path[:len(above)], above) && path[len(above)] == '\\'
}

// binary is a binary value of the key, or nil.
func (k *regKey) binary(name string) []byte {
	for _, v := range k.values {
		if v.kind == regBinary && strings.EqualFold(v.name, name) {
			return v.data
		}
	}
	return nil
}

func (k *regKey) set(v regValue) {
	for i := range k.values {
		if strings.EqualFold(k.values[i].name, v.name) {
			k.values[i] = v
			return
		}
	}
	k.values = append(k.values, v)
}

func (k *regKey) unset(name string) {
	k.values = slices.DeleteFunc(k.values, func(v regValue) bool { return strings.EqualFold(v.name, name) })
}

// format writes the file as regedit does: UTF-16LE with a byte order mark, lines
// ended by CR LF, hexadecimal values wrapped.
func (f *regFile) format() []byte {
	var b strings.Builder
	b.WriteString(regHeader + "\r\n\r\n")
	for _, k := range f.keys {
		fmt.Fprintf(&b, "[%s]\r\n", k.path)
		for _, v := range k.values {
			b.WriteString(v.format() + "\r\n")
		}
		b.WriteString("\r\n")
	}
	return encodeUTF16(b.String())
}

func (v *regValue) format() string {
	name := "@"
	if v.name != "" {
		name = quoteReg(v.name)
	}
	if v.kind == "" {
		return name + "=" + v.text
	}
	return wrapHex(name+"="+v.kind, v.data)
}

// wrapHex appends the bytes as regedit lays them out: no line is longer than 80
// characters, with the backslash that continues it.
func wrapHex(line string, data []byte) string {
	const limit, indent = 80, "  "
	var b strings.Builder
	b.WriteString(line)
	column := len([]rune(line))
	for i, c := range data {
		b.WriteString(hex.EncodeToString([]byte{c}))
		if i == len(data)-1 {
			break
		}
		b.WriteByte(',')
		if column += len("00,"); column+len("00,")+len(`\`) > limit {
			b.WriteString("\\\r\n" + indent)
			column = len(indent)
		}
	}
	return b.String()
}

func quoteReg(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

func encodeUTF16(s string) []byte {
	units := utf16.Encode([]rune("\ufeff" + s))
	b := make([]byte, 0, 2*len(units))
	for _, u := range units {
		b = append(b, byte(u), byte(u>>8))
	}
	return b
}
