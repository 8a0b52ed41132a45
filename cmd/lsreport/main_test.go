package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	tscli "github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/clock"
	"github.com/tslab/tslab/internal/identity"
	"github.com/tslab/tslab/internal/transport"
	"github.com/tslab/tslab/ls/report"
	"github.com/tslab/tslab/wire/hwid"
	"github.com/tslab/tslab/wire/tsls"
)

var day0 = time.Date(2003, 3, 3, 9, 0, 0, 0, time.UTC)

// issued are n tokens, one a day, every second one temporary.
func issued(n int) []tsls.LicenseInfo {
	var all []tsls.LicenseInfo
	for i := range n {
		kind := "CAL"
		if i%2 == 1 {
			kind = "temporary"
		}
		all = append(all, tsls.LicenseInfo{LicenseID: fmt.Sprintf("LAB-%04d", i), Kind: kind, State: "active",
			HardwareID: hwid.ID{byte(i), byte(i >> 8)}, Machine: fmt.Sprint("PC", i), Issued: day0.AddDate(0, 0, i)})
	}
	return all
}

// serve is a license server that has issued the tokens.
func serve(t *testing.T, name string, all []tsls.LicenseInfo) string {
	t.Helper()
	own, err := identity.LoadOrCreate(t.TempDir(), name)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	answer := func(_ context.Context, _ transport.Peer, m tsls.Message) tsls.Message {
		asked, ok := m.(tsls.Licenses)
		if !ok {
			return tsls.ServerInfo{Name: name}
		}
		start, _ := slices.BinarySearchFunc(all, asked.After+"\x00", func(l tsls.LicenseInfo, id string) int { return cmp.Compare(l.LicenseID, id) })
		page := all[start:min(start+tsls.MaxLicenses, len(all))]
		return tsls.LicenseList{Licenses: page, More: start+len(page) < len(all)}
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- transport.Serve(ctx, l, own.ServerTLS(identity.AnyPeer, nil), answer, transport.Limits{})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

// dead is the address of a license server that is gone.
func dead(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	return l.Addr().String()
}

// lsreport runs the command in a folder of its own.
func lsreport(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	args = append([]string{"lsreport", "--state", t.TempDir()}, args...)
	code = tscli.Run(t.Context(), command(), args, &out, &errs)
	return code, out.String(), errs.String()
}

// ids are those of the tokens in a report.
func ids(t *testing.T, path string) (found []string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	if lines[0] != strings.Join(report.Header(), "\t") {
		t.Errorf("%s begins with %q", path, lines[0])
	}
	for _, line := range lines[1:] {
		cells := strings.Split(line, "\t")
		if len(cells) != len(report.Header()) {
			t.Errorf("%q has %d cells", line, len(cells))
		}
		found = append(found, cells[0]+" "+cells[1])
	}
	return found
}

// TestReport is the documents' two usages, with every flag in more than one order.
// proves R139, R140, R141, R142, R145
func TestReport(t *testing.T) {
	t.Chdir(t.TempDir())
	ls1, ls2 := serve(t, "NTLS-1", issued(4)), serve(t, "NTLS-2", issued(2))
	calendar := filepath.Join(t.TempDir(), "clock")
	if err := clock.CreateLab(calendar, day0.AddDate(0, 0, 2)); err != nil {
		t.Fatal(err)
	}
	one := []string{"NTLS-1 LAB-0000", "NTLS-1 LAB-0001", "NTLS-1 LAB-0002", "NTLS-1 LAB-0003"}
	for _, tt := range []struct {
		args []string
		file string
		want []string
	}{
		{[]string{ls1}, "lsreport.txt", one},
		{[]string{"/T", ls1, ls2}, "lsreport.txt", []string{one[1], one[3], "NTLS-2 LAB-0001"}},
		{[]string{ls2, "-t", ls1}, "lsreport.txt", []string{"NTLS-2 LAB-0001", one[1], one[3]}},
		{[]string{"/F", "a.txt", ls1}, "a.txt", one},
		{[]string{ls1, "-f", "b.txt"}, "b.txt", one},
		{[]string{"/D", "2003-03-04", "3/5/2003", ls1}, "lsreport.txt", one[1:3]},
		{[]string{ls1, "/d", "3/6/2003", "2003-03-06"}, "lsreport.txt", one[3:]},
		// The end is today, and an address behind the start is a license server.
		{[]string{"/D", "2003-03-04", ls1, "--clock", calendar}, "lsreport.txt", one[1:3]},
		{[]string{"/D", "2003-03-04", "/T", ls1, "--clock", calendar}, "lsreport.txt", one[1:2]},
	} {
		os.Remove(tt.file)
		if code, stdout, stderr := lsreport(t, tt.args...); code != 0 || stdout != "" || stderr != "" {
			t.Errorf("%v: exit status %d, %q, %q", tt.args, code, stdout, stderr)
			continue
		}
		if diff := gocmp.Diff(tt.want, ids(t, tt.file)); diff != "" {
			t.Errorf("%v: -want +got\n%s", tt.args, diff)
		}
	}
}

// TestPages: a license server answers a page at a time.
func TestPages(t *testing.T) {
	path := filepath.Join(t.TempDir(), "report.txt")
	n := 2*tsls.MaxLicenses + 1
	if code, _, stderr := lsreport(t, "/F", path, serve(t, "LS1", issued(n))); code != 0 {
		t.Fatal(stderr)
	}
	if got := ids(t, path); len(got) != n || got[n-1] != fmt.Sprintf("LS1 LAB-%04d", n-1) {
		t.Errorf("%d tokens, want %d", len(got), n)
	}
}

// TestDeadServer: one that is gone costs its own lines and the exit status; when all
// are, what was written before stays.
func TestDeadServer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "report.txt")
	gone := dead(t)
	code, stdout, stderr := lsreport(t, "/F", path, gone, serve(t, "LS1", issued(1)))
	if code != tscli.CodeRefused || stdout != "" || !strings.Contains(stderr, gone) || strings.Count(stderr, "\n") != 1 {
		t.Errorf("exit status %d, %q, %q", code, stdout, stderr)
	}
	want := []string{"LS1 LAB-0000"}
	if diff := gocmp.Diff(want, ids(t, path)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if code, _, stderr = lsreport(t, "/F", path, gone); code != tscli.CodeRefused || !strings.Contains(stderr, "nothing was written") {
		t.Errorf("exit status %d, %q", code, stderr)
	}
	if diff := gocmp.Diff(want, ids(t, path)); diff != "" {
		t.Errorf("all gone: -want +got\n%s", diff)
	}
}

func TestOtherForms(t *testing.T) {
	server := serve(t, "LS1", issued(1))
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"--json", server}, `"license_id": "LAB-0000"`},
		{[]string{"--csv", server}, "LS1,LAB-0000,,CAL,active,PC0,"},
		{[]string{"/F", "-", server}, "LS1\tLAB-0000\t"},
	} {
		if code, stdout, stderr := lsreport(t, tt.args...); code != 0 || !strings.Contains(stdout, tt.want) {
			t.Errorf("%v: exit status %d, %q, %q", tt.args, code, stdout, stderr)
		}
	}
}

// TestSummary: /? names every flag of the documents, and says what is not reported.
// proves R2, R144
func TestSummary(t *testing.T) {
	for _, arg := range []string{"/?", "-?", "--help"} {
		code, stdout, _ := lsreport(t, "/T", arg)
		if code != 0 {
			t.Errorf("%s: exit status %d", arg, code)
		}
		for _, want := range []string{"lsreport [/F filename] [/D start [end]] [/T] [/?] [serverlist]", "lsreport.txt", "/F filename", "/D start", "/T  ",
			"Server and BackOffice CALs are no license server's business"} {
			if !strings.Contains(stdout, want) {
				t.Errorf("%s does not say %q:\n%s", arg, want, stdout)
			}
		}
	}
}

func TestWrongCommandLine(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"/X", "ls1"}, `there is no flag "/X"`},
		{[]string{"--tokens", "ls1"}, `there is no flag "--tokens"`},
		{[]string{""}, `there is no flag ""`},
		{[]string{"/F"}, "/F: a value is missing"},
		{[]string{"/D", "ls1"}, `/D: "ls1" is no date; say 2003-03-31 or 3/31/2003`},
		{[]string{"/D", "31.3.2003"}, "is no date"},
		{[]string{"/D", "2003-02-30"}, "is no date"},
		{[]string{"/D", "2003-03-04", "2003-03-03", "ls1"}, "is before the start"},
		{[]string{"/D", "9999-03-04", "ls1"}, "is after today"},
		{[]string{"--timeout", "soon", "ls1"}, `"soon" is no time`},
	} {
		code, stdout, stderr := lsreport(t, tt.args...)
		if code != tscli.CodeUsage || stdout != "" || !strings.Contains(stderr, tt.want) {
			t.Errorf("%q: exit status %d, %q, %q; want %q", tt.args, code, stdout, stderr, tt.want)
		}
	}
	if left, err := os.ReadDir("."); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}
