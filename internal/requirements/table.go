package main

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
)

//go:embed table.txt
var tableText string

// subject is what closes a row: an issue of the project, by its subject.
type subject string

// The subjects, by the words of table.txt.
var subjects = map[string]subject{
	"now":  "Every licensing decision of three editions, and every event",
	"find": "License servers that are found, know each other, and redirect",
	"buy":  "From purchase to key pack: the clearinghouse and the administrator's tools",
}

// row is a requirement.
type row struct {
	number  int
	word    string // of subjects
	line    string
	proofs  []proof
	section *section
}

// section is a part of the table.
type section struct {
	letter, title string
	rows          []*row
}

// table is all requirements.
type table struct {
	sections []*section
	byNumber map[int]*row
}

func readTable() (*table, error) { return parseTable(tableText) }

// parseTable reads table.txt. Numbers are in order and without a gap.
func parseTable(text string) (*table, error) {
	t := &table{byNumber: map[int]*row{}}
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		var err error
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "["):
			letter, title, ok := strings.Cut(line[1:], "] ")
			if !ok {
				err = fmt.Errorf("no title")
			}
			t.sections = append(t.sections, &section{letter: letter, title: title})
		default:
			err = t.add(line)
		}
		if err != nil {
			return nil, fmt.Errorf("table.txt, line %d: %w", i+1, err)
		}
	}
	return t, nil
}

func (t *table) add(line string) error {
	words := strings.SplitN(line, " ", 3)
	if len(words) < 3 || len(t.sections) == 0 {
		return fmt.Errorf("want R1 subject line, in a section")
	}
	n, err := strconv.Atoi(strings.TrimPrefix(words[0], "R"))
	if err != nil || n != len(t.byNumber)+1 {
		return fmt.Errorf("%s: want R%d", words[0], len(t.byNumber)+1)
	}
	if _, ok := subjects[words[1]]; !ok {
		return fmt.Errorf("subject %q is not known", words[1])
	}
	s := t.sections[len(t.sections)-1]
	r := &row{number: n, word: words[1], line: words[2], section: s}
	s.rows = append(s.rows, r)
	t.byNumber[n] = r
	return nil
}

// enter puts the proofs into their rows.
func (t *table) enter(proofs []proof) error {
	for _, p := range proofs {
		for _, n := range p.numbers {
			r := t.byNumber[n]
			if r == nil {
				return fmt.Errorf("%s:%d: there is no requirement R%d", p.file, p.line, n)
			}
			if len(r.proofs) == 0 || r.proofs[len(r.proofs)-1].place() != p.place() {
				r.proofs = append(r.proofs, p)
			}
		}
	}
	return nil
}
