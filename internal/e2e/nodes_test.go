//go:build linux

package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/tslab/tslab/internal/harness"
)

// nodesScript builds what containerlab would: every node in namespaces of its own, with
// files of its own, running the topology's command; then the links; then the export's
// scripts. It takes the folder of the export and that of its own files.
const nodesScript = `set -eu
export=$1 own=$2
node() {
	name=$1; shift
	unshare --net --mount sh -c 'mount -t tmpfs lab /mnt && mkdir /mnt/hosts && cp "$1/boot" /mnt && cp "$1"/hosts/* /mnt/hosts && cp /etc/hosts /mnt/names && : >/mnt/resolver &&
		mount --bind /mnt/names /etc/hosts && mount --bind /mnt/resolver "$(readlink -f /etc/resolv.conf)" && mkdir /mnt/domain && mount --bind "$1/domain" /mnt/domain && ip link set lo up && shift && exec "$@"' sh "$export" "$@" >"$own/$name.log" 2>&1 &
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

// exported is an export to containerlab whose root is a folder that every machine has,
// and every node has for itself.
func exported(ctx context.Context, t *testing.T, folder, drill string) (nodes map[string]string, links []string) {
	t.Helper()
	if out, err := exec.CommandContext(ctx, filepath.Join(programs, "tslab"), "export", "--to", "containerlab", "--out", folder, drill).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	sed := exec.CommandContext(ctx, "sh", "-c", "grep -rl /lab . | xargs sed -i -E 's#/lab(/|\\b)#/mnt\\1#g' && mkdir domain && echo secret-of-the-test >domain/secret")
	sed.Dir = folder
	if out, err := sed.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	b, err := os.ReadFile(filepath.Join(folder, drill+".clab.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Topology struct {
			Nodes map[string]struct{ Cmd string }
			Links []struct{ Endpoints []string }
		}
	}
	if err := yaml.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	nodes = map[string]string{}
	for name, node := range file.Topology.Nodes {
		nodes[name] = node.Cmd
	}
	for _, l := range file.Topology.Links {
		links = append(links, strings.ReplaceAll(strings.Join(l.Endpoints, " "), ":", " "))
	}
	return nodes, links
}

// TestExportedNodes: an export to containerlab works with a namespace for each node:
// switches, cables, routes and names come from boot, documents are carried from host to
// host, and hosts join their domains.
func TestExportedNodes(t *testing.T) {
	if err := harness.Need("nc", "nsenter"); err != nil {
		t.Fatal(err)
	}
	// The terminal server, whose name ends the command, may still be on its way up.
	const again = "for i in $(seq 300); do \"$own/on\" c1 nc -z ${connect##* } 3389 && break; sleep 0.1; done\n\"$own/on\" c1 $connect\n"
	for _, tt := range []struct {
		drill        string
		nodes, links int
		story        string
		want         []string // what is said, in order
	}{
		{"first-logon", 5, 4, again + "\"$export/calendar.sh\" 1\n" + again + "\"$own/on\" ls1 licmgr show --state /mnt/state/licmgr\n",
			[]string{"set up\n", "temporary", "2003-03-04", "CAL", "4"}},
		{"d13-site-scope", 10, 9, again + "\"$own/on\" dcx licmgr show --state /mnt/state/licmgr\n", []string{"set up\n", "temporary", "3"}},
	} {
		t.Run(tt.drill, func(t *testing.T) {
			ctx, dir := bounded(t), t.TempDir()
			folder, own := filepath.Join(dir, "export"), filepath.Join(dir, "own")
			nodes, links := exported(ctx, t, folder, tt.drill)
			if len(nodes) != tt.nodes || len(links) != tt.links {
				t.Fatalf("%d nodes, %d links, want %d and %d", len(nodes), len(links), tt.nodes, tt.links)
			}
			readme, err := os.ReadFile(filepath.Join(folder, "README.md"))
			if err != nil {
				t.Fatal(err)
			}
			_, rest, _ := strings.Cut(string(readme), "docker exec clab-"+tt.drill+"-c1 ")
			connect, _, _ := strings.Cut(rest, "\n")
			var topology strings.Builder
			fmt.Fprintf(&topology, "connect='%s'\n", connect)
			for name, command := range nodes {
				fmt.Fprintf(&topology, "node %s %s\n", name, command)
			}
			for _, l := range links {
				fmt.Fprintln(&topology, "link", l)
			}
			put := func(name, text string) {
				if err := errors.Join(os.MkdirAll(own, 0o755), os.WriteFile(filepath.Join(own, name), []byte(text), 0o755)); err != nil {
					t.Fatal(err)
				}
			}
			put("nodes.sh", nodesScript)
			put("topology.sh", topology.String())
			put("on", "#!/bin/sh\nname=$1; shift\nexec nsenter -t \"$(cat "+own+"/$name.pid)\" --net --mount -- \"$@\"\n")
			put("story.sh", tt.story)
			run := exec.CommandContext(ctx, "unshare", "--user", "--map-root-user", "--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child",
				"sh", filepath.Join(own, "nodes.sh"), folder, own)
			run.Env = append(os.Environ(), "TSLAB_ON="+filepath.Join(own, "on"), "PATH="+programs+":"+os.Getenv("PATH"))
			out, err := run.CombinedOutput()
			for _, want := range tt.want {
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
		})
	}
}
