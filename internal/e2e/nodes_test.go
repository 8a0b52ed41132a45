//go:build linux

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// nodesScript builds what containerlab would: every node in namespaces of its own, with
// files of its own, running the topology's command; then the links; then the export's
// scripts. It takes the folder of the export and that of its own files.
const nodesScript = `set -eu
export=$1 own=$2
node() {
	name=$1; shift
	unshare --net --mount sh -c 'mount -t tmpfs lab /mnt && mkdir /mnt/hosts && cp "$1/boot" /mnt && cp "$1"/hosts/* /mnt/hosts && cp /etc/hosts /mnt/names &&
		mount --bind /mnt/names /etc/hosts && ip link set lo up && shift && exec "$@"' sh "$export" "$@" >"$own/$name.log" 2>&1 &
	echo $! >"$own/$name.pid"
}
link() {
	for name in "$1" "$3"; do
		until [ "$(readlink "/proc/$(cat "$own/$name.pid")/ns/net")" != "$(readlink /proc/self/ns/net)" ]; do :; done
	done
	ip link add "$2" netns "$(cat "$own/$1.pid")" type veth peer name "$4" netns "$(cat "$own/$3.pid")"
}
. "$own/topology.sh"
"$export/setup.sh"
. "$own/story.sh"
`

// TestExportedNodes: an export to containerlab works with a namespace for each node:
// switches, cables and names come from boot, documents are carried from host to host.
func TestExportedNodes(t *testing.T) {
	ctx, dir := bounded(t), t.TempDir()
	export, own := filepath.Join(dir, "export"), filepath.Join(dir, "own")
	if out, err := exec.CommandContext(ctx, filepath.Join(programs, "tslab"), "export", "--to", "containerlab", "--out", export, "first-logon").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	put := func(name, text string, mode os.FileMode) {
		if err := os.MkdirAll(own, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(own, name), []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	// Their root is a folder that every machine has, and every node has for itself.
	sed := exec.CommandContext(ctx, "sh", "-c", "grep -rl /lab . | xargs sed -i -E 's#/lab(/|\\b)#/mnt\\1#g'")
	sed.Dir = export
	if out, err := sed.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	b, err := os.ReadFile(filepath.Join(export, "first-logon.clab.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Topology struct {
			Nodes map[string]struct{ Cmd string }
			Links []struct{ Endpoints []string }
		}
	}
	if err := yaml.Unmarshal(b, &file); err != nil || len(file.Topology.Nodes) != 5 || len(file.Topology.Links) != 4 {
		t.Fatalf("%+v, %v", file, err)
	}
	var topology strings.Builder
	for name, node := range file.Topology.Nodes {
		fmt.Fprintf(&topology, "node %s %s\n", name, node.Cmd)
	}
	for _, l := range file.Topology.Links {
		fmt.Fprintln(&topology, "link", strings.ReplaceAll(strings.Join(l.Endpoints, " "), ":", " "))
	}
	readme, err := os.ReadFile(filepath.Join(export, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(readme), "docker exec clab-first-logon-c1 ")
	connect, _, _ := strings.Cut(rest, "\n")
	put("nodes.sh", nodesScript, 0o755)
	put("topology.sh", topology.String(), 0o644)
	put("on", "#!/bin/sh\nname=$1; shift\nexec nsenter -t \"$(cat "+own+"/$name.pid)\" --net --mount -- \"$@\"\n", 0o755)
	put("story.sh", "\"$own/on\" c1 "+connect+"\n\"$export/calendar.sh\" 1\n\"$own/on\" c1 "+connect+"\n\"$own/on\" ls1 licmgr show --state /mnt/state/licmgr\n", 0o644)
	run := exec.CommandContext(ctx, "unshare", "--user", "--map-root-user", "--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child", "sh", filepath.Join(own, "nodes.sh"), export, own)
	run.Env = append(os.Environ(), "TSLAB_ON="+filepath.Join(own, "on"), "PATH="+programs+":"+os.Getenv("PATH"))
	out, err := run.CombinedOutput()
	for _, want := range []string{"set up\n", "temporary", "2003-03-04", "CAL", "4"} {
		_, after, found := strings.Cut(string(out), want)
		if !found {
			logs, _ := exec.Command("sh", "-c", "tail -n 5 "+own+"/*.log").CombinedOutput()
			t.Fatalf("no %q in the rest, %v:\n%s\n%s", want, err, out, logs)
		}
		out = []byte(after)
	}
	if err != nil {
		t.Error(err)
	}
}
