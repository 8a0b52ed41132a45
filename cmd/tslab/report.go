//go:build linux

package main

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"os"

	"github.com/tslab/tslab/internal/durable"
	"github.com/tslab/tslab/netlab"
)

// JUnit's XML, as far as what reads it agrees.
type (
	junitSuites struct {
		XMLName xml.Name     `xml:"testsuites"`
		Suites  []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Time     string      `xml:"time,attr"`
		Stamp    string      `xml:"timestamp,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Class   string     `xml:"classname,attr"`
		Name    string     `xml:"name,attr"`
		Failure *junitFail `xml:"failure"`
		Error   *junitFail `xml:"error"`
	}
	junitFail struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// junit is each run as a suite and each expectation and invariant as a test; a run that could not
// be carried out to its end has a test of that name with an error.
func junit(records []*netlab.Record) ([]byte, error) {
	var all junitSuites
	for _, r := range records {
		s := junitSuite{
			Name: r.Name(), Time: fmt.Sprintf("%.3f", r.Ended.Sub(r.Began).Seconds()), Stamp: r.Began.Format("2006-01-02T15:04:05"),
		}
		for _, x := range r.Expectations {
			c := junitCase{Class: r.Name(), Name: x.Text}
			if !x.Met {
				c.Failure = &junitFail{x.Why(), x.Place}
				s.Failures++
			}
			s.Cases = append(s.Cases, c)
		}
		for _, i := range r.Invariants {
			c := junitCase{Class: r.Name() + " invariants", Name: i.Host + ": " + i.Text}
			if !i.Held {
				c.Failure = &junitFail{Message: i.Why(), Text: i.Host}
				s.Failures++
			}
			s.Cases = append(s.Cases, c)
		}
		if r.Error != "" {
			s.Cases = append(s.Cases, junitCase{Class: r.Name(), Name: "carried out to its end", Error: &junitFail{Message: r.Error}})
			s.Errors++
		}
		s.Tests = len(s.Cases)
		all.Suites = append(all.Suites, s)
	}
	b, err := xml.MarshalIndent(all, "", "  ")
	return append([]byte(xml.Header), append(b, '\n')...), err
}

// writeReports writes what was asked for beside the story: JUnit's XML to a file,
// the records as JSON to standard output.
func writeReports(records []*netlab.Record, junitPath string, asJSON bool) error {
	if records == nil {
		records = []*netlab.Record{}
	}
	if junitPath != "" {
		b, err := junit(records)
		if err != nil {
			return err
		}
		if err := durable.WriteFile(junitPath, b, 0o644); err != nil {
			return err
		}
	}
	if !asJSON {
		return nil
	}
	e := json.NewEncoder(os.Stdout)
	e.SetIndent("", "  ")
	return e.Encode(records)
}
