//go:build linux

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestExportRuns: what a drill is exported to works. Its hosts' programs are started by
// the commands of the compose file, and its scripts are run as they are, but in hosts
// of a lab instead of containers, and with a folder of their own for /lab.
func TestExportRuns(t *testing.T) {
	dir := t.TempDir()
	ctx := bounded(t)
	run := func(program string, args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(ctx, program, args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+dir, "TSLAB_ON="+filepath.Join(dir, "on"), "PATH="+programs+":"+os.Getenv("PATH"))
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %q: %v: %s", program, args, err, out)
		}
		return string(out)
	}
	tslab := filepath.Join(programs, "tslab")
	put := func(name, text string, mode os.FileMode) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	run(tslab, "export", "--to", "compose", "--out", "moved", "first-logon")
	root := filepath.Join(dir, "lab")
	run("sh", "-c", "cp -r moved lab && grep -rl /lab lab | xargs sed -i 's#/lab/#"+root+"/#g'")
	put("nets.star", "# The same network\nlan = net(\"lan\")\nfor name in [\"c1\", \"ts1\", \"ls1\", \"ch1\"]:\n    host(name, lan)\n", 0o644)
	run(tslab, "up", "nets.star")
	t.Cleanup(func() {
		if out, err := exec.Command(tslab, "down", "--run", filepath.Join(dir, "runs", "nets")).CombinedOutput(); err != nil {
			t.Errorf("down: %v: %s", err, out)
		}
	})
	put("on", "#!/bin/sh\nhost=$1; shift\nexec "+tslab+" exec --run "+filepath.Join(dir, "runs", "nets")+" \"$host\" -- \"$@\"\n", 0o755)

	topology, err := os.ReadFile(filepath.Join(root, "compose.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	started := 0
	for line := range strings.Lines(string(topology)) {
		command, ok := strings.CutPrefix(strings.TrimSpace(line), "command: [")
		if !ok {
			continue
		}
		argv := strings.Split(strings.Trim(strings.TrimSuffix(command, "]"), `"`), `", "`)
		cmd := exec.CommandContext(ctx, filepath.Join(dir, "on"), append([]string{argv[2]}, argv...)...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "XDG_RUNTIME_DIR="+dir, "PATH="+programs+":"+os.Getenv("PATH"))
		if err := cmd.Start(); err != nil { // it ends with the lab
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Wait() })
		started++
	}
	if started != 4 {
		t.Fatalf("%d hosts start something", started)
	}
	if out := run("lab/setup.sh"); !strings.HasSuffix(out, "set up\n") {
		t.Errorf("setup.sh: %s", out)
	}
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(readme), "docker compose exec c1 ")
	connect, _, _ := strings.Cut(rest, "\n")
	first := run("sh", "-c", "./on c1 "+connect)
	if !strings.Contains(first, "temporary") {
		t.Errorf("the first connection: %s", first)
	}
	if date := run("lab/calendar.sh", "1"); !strings.HasPrefix(date, "2003-03-0") {
		t.Errorf("calendar.sh: %s", date)
	}
	if second := run("sh", "-c", "./on c1 "+connect); !strings.Contains(second, "CAL") {
		t.Errorf("the next day: %s", second)
	}
	if shown := run("sh", "-c", "./on ls1 licmgr show --state "+root+"/state/licmgr"); !strings.Contains(shown, "4") {
		t.Errorf("the pool: %s", shown)
	}
}
