//go:build linux

package export

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/tslab/tslab/netlab/drills"
	"github.com/tslab/tslab/netlab/script"
)

// TestIPv6Alone: a net of IPv6 alone gets no prefix of IPv4 from Docker, and a router
// that has IPv6 on any of its cables forwards it.
func TestIPv6Alone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "six.star")
	text := "# Six: a net of IPv6 alone\na, b = net(\"a\", \"10.7.0.0/24\"), net(\"b\", \"fd00:1::/64\")\nr1 = router(\"r1\", a, b)\nc1 = host(\"c1\", b)\nts1 = host(\"ts1\", a)\nstart(ts1, \"termsrv\")\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	drill, err := script.Load(drills.Files, path)
	if err != nil {
		t.Fatal(err)
	}
	p, err := drill.Plan(script.Options{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	e := made(t, p, Compose)
	project, err := loadCompose(e.file(t, e.Topology))
	if err != nil {
		t.Fatal(err)
	}
	if a, b := project.Networks["a"], project.Networks["b"]; a.EnableIPv4 != nil || b.EnableIPv4 == nil || *b.EnableIPv4 || b.EnableIPv6 == nil || !*b.EnableIPv6 {
		t.Errorf("%+v\n%+v", a, b)
	}
	if got := project.Services["r1"].Sysctls["net.ipv6.conf.all.forwarding"]; got != "1" {
		t.Errorf("the router forwards IPv6: %q", got)
	}
}
