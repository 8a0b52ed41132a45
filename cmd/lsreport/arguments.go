package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/tslab/tslab/internal/admin"
	tscli "github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/ls/report"
)

const (
	defaultFile = "lsreport.txt"
	screen      = "-" // as the file: standard output
)

// arguments are those of the white paper, "Terminal Services License Reporting Tool",
// and a few besides.
type arguments struct {
	help    bool
	file    string
	format  string // "json", "csv" or ""
	filter  report.Filter
	servers []string

	timeout              time.Duration
	clock, state, keylog string
	domain, dc           string // where license servers are looked for
}

// parse reads the command line, whose flags and servers may stand in any order.
func parse(args []string) (a arguments, err error) {
	a = arguments{timeout: admin.DefaultTimeout}
	for len(args) > 0 {
		arg, rest := args[0], args[1:]
		switch flag(arg) {
		case "/?", "--help", "-h":
			a.help = true
		case "/T":
			a.filter.TemporaryOnly = true
		case "/F":
			a.file, rest, err = value(arg, rest)
		case "/D":
			rest, err = a.period(arg, rest)
		case "--json", "--csv":
			a.format = arg[2:]
		case "--timeout":
			var text string
			if text, rest, err = value(arg, rest); err == nil {
				a.timeout, err = duration(text)
			}
		case "--clock":
			a.clock, rest, err = value(arg, rest)
		case "--state":
			a.state, rest, err = value(arg, rest)
		case "--keylog":
			a.keylog, rest, err = value(arg, rest)
		case "--domain":
			a.domain, rest, err = value(arg, rest)
		case "--dc":
			a.dc, rest, err = value(arg, rest)
		case "":
			a.servers = append(a.servers, arg)
		default:
			err = tscli.Usage("there is no flag %q", arg)
		}
		if err != nil {
			return a, err
		}
		args = rest
	}
	if a.file == "" {
		a.file = defaultFile
		if a.format != "" {
			a.file = screen
		}
	}
	return a, nil
}

// flag is the flag in its documented form, and empty for a server's name.
func flag(arg string) string {
	switch {
	case len(arg) == 2 && (arg[0] == '/' || arg[0] == '-') && strings.ContainsAny(arg[1:], "FfDdTt?"):
		return "/" + strings.ToUpper(arg[1:])
	case strings.HasPrefix(arg, "/"), strings.HasPrefix(arg, "-"):
		return arg
	case arg == "":
		return `""`
	}
	return ""
}

// value takes a flag's value.
func value(flag string, rest []string) (string, []string, error) {
	if len(rest) == 0 || rest[0] == "" {
		return "", rest, tscli.Usage("%s: a value is missing", flag)
	}
	return rest[0], rest[1:], nil
}

func duration(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, tscli.Usage("--timeout: %q is no time; say 10s", text)
	}
	return d, nil
}

// period takes one day or two.
func (a *arguments) period(flag string, rest []string) ([]string, error) {
	text, rest, err := value(flag, rest)
	if err != nil {
		return nil, err
	}
	if a.filter.First, err = day(text); err != nil {
		return nil, tscli.Usage("%s: %v", flag, err)
	}
	if len(rest) == 0 || !strings.ContainsAny(rest[0][:min(1, len(rest[0]))], "0123456789") {
		return rest, nil
	}
	last, err := day(rest[0])
	if err != nil {
		return rest, nil // a server by its address
	}
	if last.Before(a.filter.First) {
		return nil, tscli.Usage("%s: the end, %s, is before the start, %s", flag, rest[0], text)
	}
	a.filter.Last = last
	return rest[1:], nil
}

// day reads a date as computers write it or as the documents' country does.
func day(text string) (time.Time, error) {
	for _, layout := range []string{time.DateOnly, "1/2/2006"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no date; say 2003-03-31 or 3/31/2003", text)
}
