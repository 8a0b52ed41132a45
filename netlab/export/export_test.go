//go:build linux

package export

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"

	"github.com/tslab/tslab/netlab"
	"github.com/tslab/tslab/netlab/drills"
	"github.com/tslab/tslab/netlab/script"
)

// plans are those of every drill that comes with the lab.
func plans(t *testing.T) (all []netlab.Plan) {
	t.Helper()
	list, err := script.List(drills.Files)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range list {
		p, err := d.Plan(script.Options{Seed: 1})
		if err != nil {
			t.Errorf("%s: %v", d.Name, err)
		}
		all = append(all, p)
	}
	if len(all) < 40 {
		t.Fatalf("%d plans", len(all))
	}
	return all
}

func made(t *testing.T, p netlab.Plan, to Engine) *Export {
	t.Helper()
	e, err := Make(p, to)
	if err != nil {
		t.Fatalf("%s to %s: %v", p.Name, to, err)
	}
	return e
}

func (e *Export) file(t *testing.T, name string) string {
	t.Helper()
	i := slices.IndexFunc(e.Files, func(f File) bool { return f.Name == name })
	if i < 0 {
		t.Fatalf("no file %s in the export", name)
	}
	return e.Files[i].Content
}

// loadCompose reads a file as Docker Compose does, with its own parser and checks.
func loadCompose(content string) (*types.Project, error) {
	return loader.LoadWithContext(context.Background(), types.ConfigDetails{
		WorkingDir: "/nowhere", ConfigFiles: []types.ConfigFile{{Filename: "compose.yaml", Content: []byte(content)}},
	})
}

// TestCompose: every drill is a project for Docker Compose, with the drill's networks,
// hosts and programs.
func TestCompose(t *testing.T) {
	for _, p := range plans(t) {
		e := made(t, p, Compose)
		project, err := loadCompose(e.file(t, e.Topology))
		if err != nil {
			t.Errorf("%s %s: %v", p.Name, p.Edition, err)
			continue
		}
		if project.Name != p.Name || len(project.Services) != len(p.Spec.Hosts) || len(project.Networks) != len(p.Spec.Nets) {
			t.Errorf("%s: %s with %d services, %d networks", p.Name, project.Name, len(project.Services), len(project.Networks))
		}
		for _, n := range p.Spec.Nets {
			pool := project.Networks[n.Name].Ipam.Config[0]
			if pool.Subnet != n.Prefix.String() || pool.Gateway != lastAddress(n.Prefix).String() {
				t.Errorf("%s: net %s: %+v", p.Name, n.Name, pool)
			}
		}
		for _, h := range p.Spec.Hosts {
			service := project.Services[h.Name]
			for _, c := range h.Cables {
				at := service.Networks[c.Net]
				if at == nil || at.Ipv4Address != c.Address.String() || c.Address6.IsValid() && at.Ipv6Address != c.Address6.String() {
					t.Errorf("%s: %s on %s: %+v, want %v %v", p.Name, h.Name, c.Net, at, c.Address, c.Address6)
				}
			}
			l, err := newLab(p, Compose)
			if err != nil {
				t.Fatal(err)
			}
			if want := l.command(h.Name); !slices.Equal(service.Command, want) {
				t.Errorf("%s: %s runs %q, want %q", p.Name, h.Name, service.Command, want)
			}
		}
	}
}

// TestNamesThatEnginesTake: a drill in a file of any name is one for both engines, whose
// parsers refuse capitals and spaces.
func TestNamesThatEnginesTake(t *testing.T) {
	schema, p := containerlabSchema(t), plans(t)[0]
	for name, want := range map[string]string{"My Drill (2)": "my-drill-2", "d02-three-editions": "d02-three-editions", "_x_": "x", "Übung": "bung", "???": "drill"} {
		p.Name = name
		e := made(t, p, Compose)
		project, err := loadCompose(e.file(t, e.Topology))
		if err != nil || project.Name != want || project.Services["ts1"].Image != "tslab-"+want+":latest" {
			t.Errorf("%q for compose: %+v, %v", name, project, err)
		}
		e = made(t, p, Containerlab)
		_, plain, err := readTopology(e.file(t, e.Topology))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(plain); err != nil || e.Topology != want+".clab.yml" {
			t.Errorf("%q for containerlab: %s: %v", name, e.Topology, err)
		}
	}
}

// TestComposeIsChecked: the parser finds what is wrong.
func TestComposeIsChecked(t *testing.T) {
	good := made(t, plans(t)[0], Compose)
	for old, wrong := range map[string]string{
		"    cap_add:":         "    cap_ad:",
		"driver: bridge":       "driver: [bridge]",
		"\n      \"lan\":\n":   "\n      \"wan\":\n",
		"    command: [\"sh\"": "    command: [{}",
	} {
		content := good.file(t, good.Topology)
		if !strings.Contains(content, old) {
			t.Errorf("%q is not in the file", old)
		}
		if _, err := loadCompose(strings.Replace(content, old, wrong, 1)); err == nil {
			t.Errorf("%q for %q is taken", wrong, old)
		}
	}
}

func containerlabSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	schema, err := jsonschema.NewCompiler().Compile("testdata/containerlab.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// topology is the part of a topology file that the test looks at.
type topology struct {
	Name     string
	Topology struct {
		Nodes map[string]struct{ Kind, Image, Cmd string }
		Links []struct{ Endpoints []string }
	}
}

func readTopology(content string) (topology, any, error) {
	var t topology
	var plain any
	if err := yaml.Unmarshal([]byte(content), &plain); err != nil {
		return t, nil, err
	}
	b, err := json.Marshal(plain)
	if err != nil {
		return t, nil, err
	}
	if err := json.Unmarshal(b, &plain); err != nil {
		return t, nil, err
	}
	return t, plain, json.Unmarshal(b, &t)
}

// TestContainerlab: every drill is a topology by containerlab's rules, and whoever
// hangs on a net in the drill has a link of his own to its switch.
func TestContainerlab(t *testing.T) {
	schema := containerlabSchema(t)
	for _, p := range plans(t) {
		e := made(t, p, Containerlab)
		top, plain, err := readTopology(e.file(t, e.Topology))
		if err != nil {
			t.Errorf("%s: %v", p.Name, err)
			continue
		}
		if err := schema.Validate(plain); err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
		if top.Name != p.Name || len(top.Topology.Nodes) != len(p.Spec.Hosts)+len(p.Spec.Nets) {
			t.Errorf("%s: %s with %d nodes", p.Name, top.Name, len(top.Topology.Nodes))
		}
		used := map[string]bool{}
		at := 0
		for _, h := range p.Spec.Hosts {
			for i, c := range h.Cables {
				ends := top.Topology.Links[at].Endpoints
				at++
				if ends[0] != fmt.Sprintf("%s:eth%d", h.Name, i+1) || !strings.HasPrefix(ends[1], "net-"+c.Net+":eth") {
					t.Errorf("%s: %s on %s: %v", p.Name, h.Name, c.Net, ends)
				}
				for _, end := range ends {
					node, _, _ := strings.Cut(end, ":")
					if _, ok := top.Topology.Nodes[node]; !ok || used[end] {
						t.Errorf("%s: %s is there: %v, used before: %v", p.Name, end, ok, used[end])
					}
					used[end] = true
				}
				n, _ := p.Spec.Net(c.Net)
				line := fmt.Sprintf("cable eth%d %v/%d", i+1, c.Address, n.Prefix.Bits())
				if boot := e.file(t, "hosts/"+h.Name+".sh"); !strings.Contains(boot, line) {
					t.Errorf("%s: %s has no %q:\n%s", p.Name, h.Name, line, boot)
				}
			}
		}
		if at != len(top.Topology.Links) {
			t.Errorf("%s: %d links, want %d", p.Name, len(top.Topology.Links), at)
		}
	}
}

// TestContainerlabIsChecked: the rules find what is wrong.
func TestContainerlabIsChecked(t *testing.T) {
	schema := containerlabSchema(t)
	good := made(t, plans(t)[0], Containerlab)
	for old, wrong := range map[string]string{
		"kind: linux": "kind: windows", "network-mode: none": "network-mode: air", "topology:": "topologie:",
		"endpoints: [\"c1:eth1\",": "endpoints: [\"c1\",", "      image:": "      picture:",
	} {
		content := good.file(t, good.Topology)
		if !strings.Contains(content, old) {
			t.Errorf("%q is not in the file", old)
		}
		_, plain, err := readTopology(strings.Replace(content, old, wrong, 1))
		if err != nil {
			t.Errorf("%q: %v", wrong, err)
		}
		if schema.Validate(plain) == nil {
			t.Errorf("%q for %q is taken", wrong, old)
		}
	}
}

// TestScriptsParse: a shell reads the scripts of exports.
func TestScriptsParse(t *testing.T) {
	seen := map[string]bool{}
	dir := t.TempDir()
	var files []string
	for i, p := range plans(t) {
		if i%5 != 0 { // they are made of the same lines
			continue
		}
		for _, to := range Engines() {
			for _, f := range made(t, p, to).Files {
				if seen[f.Content] || !f.Script && !strings.HasSuffix(f.Name, ".sh") {
					continue
				}
				seen[f.Content] = true
				path := filepath.Join(dir, fmt.Sprintf("%s-%s-%d-%s", p.Name, to, len(files), filepath.Base(f.Name)))
				if err := os.WriteFile(path, []byte(f.Content), 0o644); err != nil {
					t.Fatal(err)
				}
				files = append(files, path)
			}
		}
	}
	if len(files) < 50 {
		t.Errorf("%d scripts", len(files))
	}
	check := `for f; do sh -n "$f" || exit 1; done`
	if out, err := exec.Command("sh", append([]string{"-c", check, "sh"}, files...)...).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
