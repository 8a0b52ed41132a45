package main

import (
	"fmt"
	"io"
	"strings"

	tscli "github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/wire/token"
)

// printTree writes the tree of the licensing tool: All servers, the servers, their key
// packs with Total, Available and Issued, and the tokens.
func printTree(w io.Writer, servers []shown, tokens bool) error {
	style := tscli.StyleFor(w)
	var b strings.Builder
	b.WriteString(style.Strong("All servers") + "\n")
	for i, s := range servers {
		first, rest := branch(i == len(servers)-1)
		fmt.Fprintf(&b, "%s%s%s\n", first, style.Strong(tscli.Printable(s.Server.Name)), tscli.Printable(s.Server.about(style)))
		if s.Server.Activated {
			fmt.Fprintf(&b, "%s%s\n", rest+stem(len(s.KeyPacks) > 0), style.Faint(s.Server.ServerID))
		}
		for j, p := range s.KeyPacks {
			last := j == len(s.KeyPacks)-1
			p.tree(&b, style, rest, last, s.tokensOf(p, tokens))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// about is what stands behind a server's name.
func (s server) about(style tscli.Style) string {
	status := "activated"
	if !s.Activated {
		status = style.Warn("not activated")
	}
	return fmt.Sprintf("  %s  %s, %s, %s", s.Address, status, s.Edition, s.Scope)
}

// branch is what stands before the first line of a node and before those below it.
func branch(last bool) (first, rest string) {
	if last {
		return "└─ ", "   "
	}
	return "├─ ", "│  "
}

func stem(below bool) string {
	if below {
		return "│  "
	}
	return "   "
}

// tree writes a key pack: its name as the tool has it, its numbers, its tokens.
func (p keyPack) tree(b *strings.Builder, style tscli.Style, before string, last bool, tokens []license) {
	first, rest := branch(last)
	indent := before + rest
	for i, line := range wrap(p.name(), tscli.Width-len([]rune(indent))) {
		if i == 0 {
			fmt.Fprintf(b, "%s%s%s\n", before, first, line)
		} else {
			fmt.Fprintf(b, "%s%s\n", indent, line)
		}
	}
	indent += stem(len(tokens) > 0)
	fmt.Fprintf(b, "%sTotal %-9s  Available %-9s  Issued %d\n", indent, count(p.Total), count(p.Available), p.Issued)
	if p.ID != "" {
		fmt.Fprintf(b, "%s%s, %s, since %s\n", indent, p.Kind, orDash(tscli.Clip(p.Program, 24)), p.since())
		fmt.Fprintf(b, "%s%s\n", indent, style.Faint(tscli.Printable(p.ID)))
	}
	for i, l := range tokens {
		first, _ := branch(i == len(tokens)-1)
		fmt.Fprintf(b, "%s%s%s  %-10s  %-14s  %s\n", before, rest+first, tscli.Printable(l.LicenseID), l.status(), tscli.Clip(l.holder(), 14), l.term())
	}
}

// tokensOf are the tokens out of a key pack, or of one of the server's own pools.
func (s shown) tokensOf(p keyPack, wanted bool) []license {
	var list []license
	for _, l := range s.Tokens {
		if wanted && l.KeyPackID == p.ID && l.Kind == p.Kind && (p.ID != "" || l.Product == p.Product) {
			list = append(list, l)
		}
	}
	return list
}

// name is the key pack as the licensing tool calls it.
func (p keyPack) name() string {
	client := p.Product + " Terminal Services Client Access License"
	switch p.Kind {
	case token.BuiltIn.String():
		return "Existing " + p.Product + " License"
	case token.Temporary.String():
		return "Temporary Licenses for " + client
	case token.InternetConnector.String():
		return p.Product + " Terminal Services Internet Connector License"
	case token.PerUser.String():
		return p.Product + " Terminal Services Per User Client Access License"
	}
	return client
}

func (p keyPack) since() string {
	if p.Installed == nil {
		return "-"
	}
	return p.Installed.Format("2006-01-02")
}

// holder is whom the token was issued to.
func (l license) holder() string {
	if l.Machine == "" {
		return orDash(l.User)
	}
	return l.Machine
}

func (l license) term() string {
	if l.Expires == nil {
		return l.Issued.Format("2006-01-02")
	}
	return l.Issued.Format("2006-01-02") + " - " + l.end()
}

// wrap breaks text between words into lines of at most n columns.
func wrap(text string, n int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(tscli.Printable(text)) {
		if line != "" && len([]rune(line))+1+len([]rune(word)) > n {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}
