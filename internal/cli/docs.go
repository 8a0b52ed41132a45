package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v3"
)

// examplesKey is where a command keeps its examples.
const examplesKey = "examples"

// Step is an example, and when in the session of all examples it is played.
type Step struct {
	At   int
	Line string
}

// Examples are lines as one types them, which show what a command is for. They stand in
// its help, its manual page and docs/commands.md. A test plays those of all programs as
// one session, in the order of their steps.
func Examples(step int, lines ...string) map[string]any {
	var list []Step
	for _, line := range lines {
		list = append(list, Step{step, line})
	}
	return Session(list...)
}

// Session is [Examples] with a step for each line. LAB-A... and the like in a line are
// the number of that kind that was printed last.
func Session(steps ...Step) map[string]any { return map[string]any{examplesKey: steps} }

// examplesOf are the lines of a command.
func examplesOf(c *cli.Command) []string {
	steps, _ := c.Metadata[examplesKey].([]Step)
	var lines []string
	for _, s := range steps {
		lines = append(lines, s.Line)
	}
	return lines
}

// withExamples is the description of a command in its help.
func withExamples(c *cli.Command) string {
	lines := examplesOf(c)
	if len(lines) == 0 {
		return c.Description
	}
	text := "Examples:\n  " + strings.Join(lines, "\n  ")
	if c.Description != "" {
		text = c.Description + "\n\n" + text
	}
	return text
}

// docsFlag is what `make docs` calls every program with, and no human.
const docsFlag = "--docs="

// writeDocs writes the command's reference in a format: markdown, man, bash or examples.
func writeDocs(w io.Writer, cmd *cli.Command, format string) error {
	var b strings.Builder
	switch format {
	case "markdown":
		eachCommand(cmd, cmd.Name, func(c *cli.Command, name string) { markdown(&b, c, name, c == cmd) })
	case "man":
		manHead(&b, cmd)
		eachCommand(cmd, cmd.Name, func(c *cli.Command, name string) { man(&b, c, name, c == cmd) })
	case "bash":
		bash(&b, cmd)
	case "examples":
		eachCommand(cmd, cmd.Name, func(c *cli.Command, _ string) {
			steps, _ := c.Metadata[examplesKey].([]Step)
			for _, s := range steps {
				fmt.Fprintf(&b, "%03d %s\n", s.At, s.Line)
			}
		})
	default:
		return Usage("--docs is markdown, man, bash or examples, not %q", format)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// eachCommand calls f with a command and those below it, by their full names.
func eachCommand(c *cli.Command, name string, f func(c *cli.Command, name string)) {
	f(c, name)
	for _, sub := range c.Commands {
		if !sub.Hidden && sub.Name != "help" {
			eachCommand(sub, name+" "+sub.Name, f)
		}
	}
}

// synopsis is how a command is called.
func synopsis(c *cli.Command, name string) string {
	switch {
	case c.UsageText != "":
		return c.UsageText
	case len(c.Commands) > 0:
		return name + " COMMAND"
	}
	line := name
	if len(flagsOf(c)) > 0 {
		line += " [FLAGS]"
	}
	return strings.TrimSpace(line + " " + c.ArgsUsage)
}

// option is a flag as a reference shows it.
type option struct{ names, value, usage, otherwise string }

// flagsOf are the flags of a command that are for everybody.
func flagsOf(c *cli.Command) []option {
	var list []option
	for _, f := range c.Flags {
		d, ok := f.(cli.DocGenerationFlag)
		if v, visible := f.(cli.VisibleFlag); !ok || visible && !v.IsVisible() || slices.Contains(f.Names(), "help") {
			continue
		}
		value, usage := unquote(d.GetUsage())
		var names []string
		for _, n := range f.Names() {
			names = append(names, dashes(n)+n)
		}
		o := option{names: strings.Join(names, ", "), usage: usage}
		if d.TakesValue() {
			o.value = value
			if o.otherwise = d.GetDefaultText(); o.otherwise == "" {
				o.otherwise = d.GetValue()
			}
			if o.value == "" {
				o.value = "VALUE"
			}
		}
		if r, ok := f.(cli.RequiredFlag); ok && r.IsRequired() {
			o.otherwise = "required"
		}
		switch o.otherwise = strings.Trim(o.otherwise, `"`); o.otherwise {
		case "0", "0s", "[]", "false":
			o.otherwise = ""
		}
		list = append(list, o)
	}
	return list
}

func dashes(name string) string {
	if len(name) == 1 {
		return "-"
	}
	return "--"
}

// unquote takes the placeholder of a flag out of the backquotes in its usage.
func unquote(usage string) (value, text string) {
	before, rest, ok := strings.Cut(usage, "`")
	value, after, closed := strings.Cut(rest, "`")
	if !ok || !closed {
		return "", usage
	}
	return value, before + value + after
}

func markdown(b *strings.Builder, c *cli.Command, name string, root bool) {
	mark := "###"
	if root {
		mark = "##"
	}
	fmt.Fprintf(b, "%s %s\n\n%s.\n\n", mark, name, sentence(c.Usage))
	fmt.Fprintf(b, "    %s\n\n", synopsis(c, name))
	if c.Description != "" {
		b.WriteString(paragraphs(c.Description) + "\n")
	}
	if flags := flagsOf(c); len(flags) > 0 {
		b.WriteString("| flag | | otherwise |\n|---|---|---|\n")
		for _, o := range flags {
			fmt.Fprintf(b, "| `%s` | %s | %s |\n", strings.TrimSpace(o.names+" "+o.value), cell(o.usage), cell(o.otherwise))
		}
		b.WriteString("\n")
	}
	if lines := examplesOf(c); len(lines) > 0 {
		fmt.Fprintf(b, "```sh\n%s\n```\n\n", strings.Join(lines, "\n"))
	}
}

// paragraphs are those of a description; lines that are set in stay as they are.
func paragraphs(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, " ") {
			line = "    " + line
		}
		b.WriteString(line)
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

func sentence(s string) string { return strings.ToUpper(s[:min(1, len(s))]) + s[min(1, len(s)):] }

func cell(s string) string { return strings.ReplaceAll(s, "|", "\\|") }

func manHead(b *strings.Builder, c *cli.Command) {
	fmt.Fprintf(b, ".TH %s 1 \"\" TSLab \"TSLab\"\n.SH NAME\n%s \\- %s\n", strings.ToUpper(c.Name), c.Name, roff(c.Usage))
}

func man(b *strings.Builder, c *cli.Command, name string, root bool) {
	if root {
		fmt.Fprintf(b, ".SH SYNOPSIS\n.B %s\n.SH DESCRIPTION\n", roff(synopsis(c, name)))
	} else {
		fmt.Fprintf(b, ".SH %s\n.B %s\n.PP\n%s.\n", strings.ToUpper(roff(name)), roff(synopsis(c, name)), roff(sentence(c.Usage)))
	}
	if c.Description != "" {
		fmt.Fprintf(b, ".PP\n.nf\n%s\n.fi\n", roff(c.Description))
	}
	for _, o := range flagsOf(c) {
		fmt.Fprintf(b, ".TP\n.B %s\n%s", roff(strings.TrimSpace(o.names+" "+o.value)), roff(o.usage))
		if o.otherwise != "" {
			fmt.Fprintf(b, " (%s)", roff(o.otherwise))
		}
		b.WriteString("\n")
	}
	if lines := examplesOf(c); len(lines) > 0 {
		fmt.Fprintf(b, ".PP\nExamples:\n.PP\n.nf\n%s\n.fi\n", roff(strings.Join(lines, "\n")))
	}
}

// roff keeps text from being taken for a command of the formatter.
func roff(s string) string {
	s = strings.ReplaceAll(strings.ReplaceAll(s, `\`, `\e`), "-", `\-`)
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, ".") || strings.HasPrefix(l, "'") {
			lines[i] = `\&` + l
		}
	}
	return strings.Join(lines, "\n")
}

// bash writes a completion: commands, then the flags of the command, then files.
func bash(b *strings.Builder, cmd *cli.Command) {
	fmt.Fprintf(b, "# bash completion of %[1]s; source it, or put it into bash-completion's folder as %[1]s\n_%[1]s() {\n"+
		"    local words=\"\" path=\"%[1]s\" i\n"+
		"    for ((i = 1; i < COMP_CWORD; i++)); do\n        case \"$path ${COMP_WORDS[i]}\" in\n", cmd.Name)
	eachCommand(cmd, cmd.Name, func(c *cli.Command, name string) {
		if c != cmd {
			fmt.Fprintf(b, "        %q) path=%q ;;\n", name, name)
		}
	})
	b.WriteString("        esac\n    done\n    case \"$path\" in\n")
	eachCommand(cmd, cmd.Name, func(c *cli.Command, name string) {
		var words []string
		for _, sub := range c.Commands {
			if !sub.Hidden && sub.Name != "help" {
				words = append(words, sub.Name)
			}
		}
		for _, o := range flagsOf(c) {
			words = append(words, strings.Split(o.names, ", ")...)
		}
		fmt.Fprintf(b, "    %q) words=%q ;;\n", name, strings.Join(append(words, "--help"), " "))
	})
	fmt.Fprintf(b, "    esac\n    COMPREPLY=($(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n}\ncomplete -o default -F _%[1]s %[1]s\n", cmd.Name)
}
