package e2e

import (
	"crypto/sha256"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/tslab/tslab/internal/harness"
)

// failure is a program that cannot start, or do its work.
type failure struct {
	name    string
	program string
	args    []string // @ stands for the case's folder, # for a port that is in use
	files   map[string]string
	disk    string // "full" or "read-only": @/disk is so
	code    int
	want    []string // parts of the one sentence: what is wrong, and the remedy
}

// failures is what can be wrong at a start, for every program.
func failures() []failure {
	termsrv := func(args ...string) []string {
		return append([]string{"--state", "@/state", "--host", "ts1", "--listen", "127.0.0.1:0", "--key-bits", "512"}, args...)
	}
	lserver := func(args ...string) []string {
		return append([]string{"--state", "@/state", "--host", "ls1", "--listen", "127.0.0.1:0"}, args...)
	}
	serve := func(args ...string) []string {
		return append([]string{"serve", "--state", "@/state", "--listen", "127.0.0.1:0", "--key-bits", "512"}, args...)
	}
	damaged := func(path string) map[string]string { return map[string]string{path: "garbage"} }
	return []failure{
		{"port in use", "termsrv", termsrv("--listen", "#"), nil, "", 1, []string{"is in use by another program", "choose another --listen"}},
		{"no such address", "termsrv", termsrv("--listen", "192.0.2.1:1"), nil, "", 1, []string{"cannot listen on 192.0.2.1:1", "choose another --listen"}},
		{"state is a file", "termsrv", termsrv("--state", "@/file"), damaged("file"), "", 1, []string{"state folder", "not a directory"}},
		{"state of a license server", "termsrv", termsrv(), map[string]string{"state/owner.json": `{"program":"lserver","host":"ls1"}`}, "", 1,
			[]string{`belongs to license server "ls1"`, "choose another with --state"}},
		{"state of another server", "termsrv", termsrv(), map[string]string{"state/owner.json": `{"program":"termsrv","host":"ts9"}`}, "", 1,
			[]string{`belongs to terminal server "ts9"`, "--host ts9"}},
		{"key damaged", "termsrv", termsrv(), damaged("state/rdpkey.der"), "", 1, []string{"rdpkey.der", "delete it"}},
		{"TLS certificate damaged", "termsrv", termsrv(), damaged("state/tls.pem"), "", 1, []string{"tls.pem", "delete it"}},
		{"grace period damaged", "termsrv", termsrv(), damaged("state/grace.json"), "", 1, []string{"grace.json", "delete it"}},
		{"no users file", "termsrv", termsrv("--users", "@/none"), nil, "", 1, []string{"users file", "none"}},
		{"users file damaged", "termsrv", termsrv("--users", "@/users"), damaged("users"), "", 1, []string{"users"}},
		{"no roots", "termsrv", termsrv("--roots", "@/none"), nil, "", 1, []string{"roots", "none"}},
		{"roots damaged", "termsrv", termsrv("--roots", "@/roots"), damaged("roots"), "", 1, []string{"holds no certificate in PEM", "clearinghouse init"}},
		{"no clock", "termsrv", termsrv("--clock", "@/none"), nil, "", 1, []string{"lab clock", "none"}},
		{"no place for events", "termsrv", termsrv("--events", "@/none/events"), nil, "", 1, []string{"event log", "no such file"}},
		{"no place for the transcript", "termsrv", termsrv("--transcript", "@/none/t"), nil, "", 1, []string{"transcript", "no such file"}},
		{"full disk", "termsrv", termsrv("--state", "@/disk/state"), nil, "full", 1, []string{"no space left on device"}},
		{"read-only disk", "termsrv", termsrv("--state", "@/disk/state"), nil, "read-only", 1, []string{"state folder", "read-only file system"}},
		{"unknown limit", "termsrv", termsrv("--limit", "depth=3"), nil, "", 2, []string{"depth=3", "per-source"}},
		{"unknown security", "termsrv", termsrv("--security", "nla"), nil, "", 2, []string{"nla", "want rdp, tls"}},

		{"port in use", "lserver", lserver("--listen", "#"), nil, "", 1, []string{"is in use by another program", "choose another --listen"}},
		{"store damaged", "lserver", lserver(), damaged("state/licenses.db"), "", 1, []string{"licenses.db", "restore a backup"}},
		{"state of a terminal server", "lserver", lserver(), map[string]string{"state/owner.json": `{"program":"termsrv","host":"ts1"}`}, "", 1,
			[]string{`belongs to terminal server "ts1"`, "choose another with --state"}},
		{"full disk", "lserver", lserver("--state", "@/disk/state"), nil, "full", 1, []string{"no space left on device"}},
		{"read-only disk", "lserver", lserver("--state", "@/disk/state"), nil, "read-only", 1, []string{"state folder", "read-only file system"}},
		{"foreign clock", "lserver", lserver("--clock", "@/file"), damaged("file"), "", 1, []string{"not a lab clock"}},
		{"key damaged", "lserver", lserver(), damaged("state/identity.pem"), "", 1, []string{"identity.pem"}},

		{"port in use", "tslab", serve("--listen", "#"), nil, "", 1, []string{"is in use by another program", "127.0.0.1:0"}},
		{"state is a file", "tslab", serve("--state", "@/file"), damaged("file"), "", 1, []string{"state folder"}},
		{"clock damaged", "tslab", serve(), damaged("state/clock"), "", 1, []string{"clock"}},
		{"store damaged", "tslab", serve(), damaged("state/lserver/licenses.db"), "", 1, []string{"licenses.db", "restore a backup"}},
		{"key damaged", "tslab", serve(), damaged("state/termsrv/rdpkey.der"), "", 1, []string{"rdpkey.der", "delete it"}},
		{"full disk", "tslab", serve("--state", "@/disk/state"), nil, "full", 1, []string{"no space left on device"}},
		{"user without password", "tslab", serve("--user", "lab"), nil, "", 2, []string{"NAME:PASSWORD"}},

		{"not made yet", "clearinghouse", []string{"activate", "--state", "@/state", "@/file"}, damaged("file"), "", 1, []string{"clearinghouse init"}},
		{"made already", "clearinghouse", []string{"init", "--state", "@/state"}, damaged("state/root.pem"), "", 1, []string{"is not overwritten", "choose another folder"}},
		{"no request", "clearinghouse", []string{"activate", "--state", "@/state", "@/none"}, nil, "", 1, []string{"none"}},
		{"full disk", "clearinghouse", []string{"init", "--state", "@/disk/state"}, nil, "full", 1, []string{"no space left on device"}},

		{"not there", "tsclient", []string{"connect", "--state", "@/state", "127.0.0.1:1"}, nil, "", 5, []string{"127.0.0.1:1", "cannot be reached"}},
		{"store damaged", "tsclient", []string{"connect", "--state", "@/state", "127.0.0.1:1"}, damaged("state/mslicensing.reg"), "", 1, []string{"mslicensing.reg"}},
		{"read-only disk", "tsclient", []string{"connect", "--state", "@/disk/state", "127.0.0.1:1"}, nil, "read-only", 1, []string{"read-only file system"}},
		{"no clock", "tsclient", []string{"connect", "--state", "@/state", "--clock", "@/none", "127.0.0.1:1"}, nil, "", 1, []string{"clock"}},

		{"not there", "licmgr", []string{"show", "--state", "@/state", "--server", "127.0.0.1:1"}, nil, "", 1, []string{"127.0.0.1:1"}},
		{"key damaged", "licmgr", []string{"show", "--state", "@/state", "--server", "127.0.0.1:1"}, damaged("state/identity.pem"), "", 1, []string{"identity.pem"}},
		{"no document", "licmgr", []string{"install", "--state", "@/state", "--server", "127.0.0.1:1", "--file", "@/none"}, nil, "", 1, []string{"none"}},
		{"read-only disk", "licmgr", []string{"show", "--state", "@/disk/state", "--server", "127.0.0.1:1"}, nil, "read-only", 1, []string{"read-only file system"}},
	}
}

// TestCannotStart starts every program where it cannot do its work: it says one
// sentence with the reason and the remedy, ends with a status that is not 0, and
// leaves every file as it was.
func TestCannotStart(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, f := range failures() {
		t.Run(f.program+", "+f.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range f.files {
				path := filepath.Join(dir, name)
				if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			before := contents(t, dir)
			args := []string{}
			for _, a := range f.args {
				args = append(args, strings.ReplaceAll(strings.ReplaceAll(a, "@", dir), "#", taken.Addr().String()))
			}
			program := filepath.Join(programs, f.program)
			if f.disk != "" {
				program, args = onDisk(t, dir, f.disk, program, args)
			}
			p, err := harness.Start(dir, []string{"HOME=" + dir, "XDG_STATE_HOME=", "XDG_RUNTIME_DIR=" + dir}, "", program, args...)
			if err != nil {
				t.Fatal(err)
			}
			defer p.Kill()
			code, err := p.Wait(bounded(t))
			if err != nil || code != f.code {
				t.Errorf("exit status %d, %v, want %d", code, err, f.code)
			}
			said := regexp.MustCompile(`Try '`+f.program+`[a-z ]* --help'\.\n$`).ReplaceAllString(p.Output(), "")
			switch f.program {
			case "tslab", "lserver", "termsrv": // they have told of what went well before
				said = said[strings.LastIndex(strings.TrimSuffix(said, "\n"), "\n")+1:]
			}
			if strings.Count(said, "\n") != 1 || !strings.HasPrefix(said, f.program+": ") {
				t.Errorf("says %q, want one line", said)
			}
			for _, want := range f.want {
				if !strings.Contains(said, want) {
					t.Errorf("says %q, want %q", said, want)
				}
			}
			for name, sum := range contents(t, dir) {
				if was, ok := before[name]; ok && was != sum {
					t.Errorf("%s was overwritten", name)
				}
			}
		})
	}
}

// onDisk runs a program with a disk of its own at dir/disk, which is full or can only
// be read.
func onDisk(t *testing.T, dir, state, program string, args []string) (string, []string) {
	t.Helper()
	disk := filepath.Join(dir, "disk")
	if err := os.Mkdir(disk, 0o700); err != nil {
		t.Fatal(err)
	}
	// One page for the folder itself is not enough for any file.
	mount := `mount -t tmpfs -o size=4k,nr_inodes=64 tmpfs "$0" && mkdir "$0/state" && { cat /dev/zero >"$0/zero" 2>&-; :; } && exec "$@"`
	if state == "read-only" {
		mount = `mount -t tmpfs -o ro tmpfs "$0" && exec "$@"`
	}
	return "unshare", append([]string{"-Urm", "sh", "-c", mount, disk, program}, args...)
}

// contents are the sums of the files in a folder.
func contents(t *testing.T, dir string) map[string][32]byte {
	t.Helper()
	sums := map[string][32]byte{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		sums[path] = sha256.Sum256(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return sums
}
