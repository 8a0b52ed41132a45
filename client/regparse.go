package client

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// regError is an error at a line of a registry file.
type regError struct {
	path string
	line int
	err  error
}

func (e *regError) Error() string { return fmt.Sprintf("%s:%d: %v", e.path, e.line, e.err) }
func (e *regError) Unwrap() error { return e.err }

// parseReg reads what the Registry Editor exports, and what it takes: UTF-16 with
// a byte order mark, or bytes that are UTF-8 or else ISO 8859-1; CR LF or LF; empty lines
// and comments anywhere; keys and values to be deleted. path is for errors.
func parseReg(path string, b []byte) (*regFile, error) {
	text, err := decodeReg(b)
	if err != nil {
		return nil, &regError{path, 1, err}
	}
	p := regParser{lines: strings.Split(text, "\n")}
	if err := p.header(); err != nil {
		return nil, &regError{path, 1, err}
	}
	for p.next < len(p.lines) {
		start := p.next + 1
		if err := p.line(); err != nil {
			return nil, &regError{path, start, err}
		}
	}
	return &p.file, nil
}

func decodeReg(b []byte) (string, error) {
	switch {
	case bytes.HasPrefix(b, []byte{0xFF, 0xFE}):
		if len(b)%2 != 0 {
			return "", errors.New("half a character at the end of UTF-16 text")
		}
		units := make([]uint16, 0, len(b)/2)
		for i := 2; i < len(b); i += 2 {
			units = append(units, uint16(b[i])|uint16(b[i+1])<<8)
		}
		return string(utf16.Decode(units)), nil
	case utf8.Valid(b):
		return strings.TrimPrefix(string(b), "\ufeff"), nil
	}
	text := make([]rune, len(b))
	for i, c := range b {
		text[i] = rune(c)
	}
	return string(text), nil
}

type regParser struct {
	lines []string
	next  int
	file  regFile
	key   string // path of the key being read; "" before the first and in one to be deleted
	drop  bool
}

func (p *regParser) take() string {
	line := strings.TrimSpace(p.lines[p.next])
	p.next++
	return line
}

func (p *regParser) header() error {
	if first := p.take(); first != regHeader && first != regHeader4 {
		return fmt.Errorf("the first line is %q, want %q: export the key again with regedit", clip(first), regHeader)
	}
	return nil
}

func (p *regParser) line() error {
	line := p.take()
	switch {
	case line == "" || line[0] == ';':
		return nil
	case line[0] == '[':
		return p.startKey(line)
	case line[0] == '"' || line[0] == '@':
		return p.value(line)
	}
	return fmt.Errorf("%q is neither a key, a value nor a comment", clip(line))
}

func (p *regParser) startKey(line string) error {
	end := strings.LastIndexByte(line, ']')
	if end < 0 {
		return fmt.Errorf("key %q lacks its closing bracket", clip(line))
	}
	path := line[1:end]
	if p.drop = strings.HasPrefix(path, "-"); p.drop {
		p.file.remove(path[1:])
		return nil
	}
	if path == "" {
		return errors.New("a key without a name")
	}
	p.key = path
	p.file.make(path)
	return nil
}

func (p *regParser) value(line string) error {
	name, rest, err := regName(line)
	if err != nil {
		return err
	}
	rest, ok := strings.CutPrefix(strings.TrimSpace(rest), "=")
	if !ok {
		return fmt.Errorf("value %q lacks its equals sign", clip(name))
	}
	rest = strings.TrimSpace(rest)
	v := regValue{name: name, text: rest}
	if kind, digits, isHex := cutHex(rest); isHex {
		for strings.HasSuffix(digits, `\`) {
			if p.next == len(p.lines) {
				return fmt.Errorf("value %q ends in the middle", clip(name))
			}
			digits = strings.TrimSuffix(digits, `\`) + p.take()
		}
		if v.data, err = parseHexList(digits); err != nil {
			return fmt.Errorf("value %q: %w", clip(name), err)
		}
		v.kind = kind
	}
	switch {
	case p.key == "" && !p.drop:
		return fmt.Errorf("value %q stands before the first key", clip(name))
	case p.drop:
	case rest == "-":
		p.file.find(p.key).unset(name)
	default:
		p.file.find(p.key).set(v)
	}
	return nil
}

// regName takes a value's name off its line: @, or a quoted string.
func regName(line string) (name, rest string, err error) {
	if line[0] == '@' {
		return "", line[1:], nil
	}
	var b strings.Builder
	for i := 1; i < len(line); i++ {
		switch c := line[i]; c {
		case '"':
			return b.String(), line[i+1:], nil
		case '\\':
			if i++; i < len(line) {
				b.WriteByte(line[i])
			}
		default:
			b.WriteByte(c)
		}
	}
	return "", "", fmt.Errorf("name %s lacks its closing quote", clip(line))
}

// cutHex splits hex:..., and hex(7):... of the other kinds, from its digits.
func cutHex(s string) (kind, digits string, ok bool) {
	if !strings.HasPrefix(s, "hex") {
		return "", "", false
	}
	kind, digits, ok = strings.Cut(s, ":")
	return kind + ":", digits, ok
}

func parseHexList(s string) ([]byte, error) {
	var data []byte
	if strings.TrimSpace(s) == "" {
		return data, nil
	}
	for i, digits := range strings.Split(s, ",") {
		digits = strings.TrimSpace(digits)
		n, err := strconv.ParseUint(digits, 16, 8)
		if err != nil {
			return nil, fmt.Errorf("byte %d, %q, is no hexadecimal number of two digits", i+1, clip(digits))
		}
		data = append(data, byte(n))
	}
	return data, nil
}

// clip keeps what an error quotes short.
func clip(s string) string {
	if r := []rune(s); len(r) > 40 {
		return string(r[:40]) + "..."
	}
	return s
}
