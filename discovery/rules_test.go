package discovery_test

import (
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tslab/tslab/discovery"
	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/wire/tsls"
)

// inDomain puts the seeker into the domain of the world.
func inDomain(s *discovery.Setup, _ *discovery.Config) { s.Domain = "lab.example" }

// TestWhereItSeeks: rules V1 to V5, the first pass of a terminal server, and what its
// catalog holds then.
//
// proves R81, R82, R84, R87
func TestWhereItSeeks(t *testing.T) {
	for _, tt := range []struct {
		name    string
		edition edition.Edition
		world   func(*world)
		change  func(*discovery.Setup, *discovery.Config)
		want    string // in use
		known   string
		none    int
	}{
		{
			"V4: a workgroup replies to the broadcast", edition.SP3,
			func(w *world) { w.add("ls1", "10.0.0.1", "workgroup") }, nil, "ls1", "ls1", 0,
		},
		{
			"V4: every license server of the workgroup is catalogued", edition.RTM,
			func(w *world) { w.add("ls1", "10.0.0.1", "workgroup"); w.add("ls2", "10.0.0.2", "workgroup") }, nil, "*", "ls1 ls2", 0,
		},
		{
			"V4: another workgroup is not meant", edition.SP3,
			func(w *world) { w.add("ls1", "10.0.0.1", "workgroup").group = "OTHER" }, nil, "", "", 1,
		},
		{"V6: nobody answers", edition.SP3, func(*world) {}, nil, "", "", 1},
		{
			"V1: the override is the only one that is asked", edition.SP3,
			func(w *world) { w.add("ls1", "10.0.0.1", "workgroup"); w.add("ls2", "10.0.0.2", "workgroup") },
			func(s *discovery.Setup, _ *discovery.Config) { s.Override = "ls2:3343" }, "ls2", "ls2", 0,
		},
		{
			"V1: no license server there is a failed pass", edition.RTM,
			func(w *world) {
				w.add("ls1", "10.0.0.1", "workgroup")
				w.add("ls2", "10.0.0.2", "workgroup").dead = true
			},
			func(s *discovery.Setup, _ *discovery.Config) { s.Override = "ls2:3343" }, "", "", 1,
		},
		{
			"V2: the domain controllers that DNS names are probed", edition.SP3,
			func(w *world) {
				w.add("dc1", "10.0.0.1", "domain").dead = true
				w.names["dc2"] = netip.MustParseAddr("10.0.0.2") // without a license server
				w.add("dc3", "10.0.0.3", "domain")
				w.add("dc4", "10.0.0.4", "domain").silent = true
				w.add("member", "10.0.0.5", "domain")
				w.dcs = []string{"dc1", "dc2", "dc3", "dc4", "gone"}
			}, inDomain, "dc3", "dc3", 0,
		},
		{
			"V2: a domain license server comes before an enterprise one", edition.SP3,
			func(w *world) {
				w.add("dc1", "10.0.0.1", "enterprise")
				w.add("dc2", "10.0.0.2", "domain")
				w.add("dc3", "10.0.0.3", "enterprise")
				w.dcs = []string{"dc1", "dc2", "dc3"}
			}, inDomain, "dc2", "dc1 dc2 dc3", 0,
		},
		{
			"V2a: an enterprise license server on a domain controller counts in its own site", edition.SP3,
			func(w *world) {
				w.add("dc1", "10.0.0.1", "enterprise").info.Site = "B"
				w.add("dc2", "10.0.0.2", "enterprise").info.Site = "a"
				w.add("dc3", "10.0.0.3", "enterprise").info.Site = "C"
				w.dcs, w.site = []string{"dc1", "dc2", "dc3"}, discovery.Site{Name: "A"}
			}, inDomain, "dc2", "dc2", 0,
		},
		{
			"a tool is shown those of all sites", edition.SP3,
			func(w *world) {
				w.add("dc1", "10.0.0.1", "enterprise").info.Site = "B"
				w.add("dc2", "10.0.0.2", "enterprise").info.Site = "a"
				w.dcs = []string{"dc1", "dc2"}
			}, func(s *discovery.Setup, _ *discovery.Config) { s.Domain, s.All = "lab.example", true }, "*", "dc1 dc2", 0,
		},
		{
			"V3: the site's entry, when no domain controller serves", edition.SP3,
			func(w *world) {
				w.add("ent", "10.0.0.9", "enterprise")
				w.site = discovery.Site{Name: "A", Enterprise: "10.0.0.9:3343", DistinguishedName: "CN=TS-Enterprise-License-Server,CN=A"}
			}, inDomain, "ent", "ent", 0,
		},
		{
			"V3: the domain's own comes first in Windows 2000", edition.SP3,
			func(w *world) {
				w.add("ent", "10.0.0.9", "enterprise")
				w.site = discovery.Site{Name: "A", Enterprise: "10.0.0.9:3343"}
				w.add("dc1", "10.0.0.1", "domain")
				w.dcs = []string{"dc1"}
			}, inDomain, "dc1", "dc1", 0,
		},
		{
			"V5: the site's entry comes first in 2003", edition.Server2003,
			func(w *world) {
				w.add("ent", "10.0.0.9", "enterprise")
				w.site = discovery.Site{Name: "A", Enterprise: "10.0.0.9:3343"}
				w.add("dc1", "10.0.0.1", "domain")
				w.dcs = []string{"dc1"}
			}, inDomain, "ent", "ent", 0,
		},
		{
			"V5: the keys come before all, the first of them that answers", edition.Server2003,
			func(w *world) {
				w.add("ls1", "10.0.0.1", "workgroup").dead = true
				w.add("ls2", "10.0.0.2", "workgroup")
				w.add("ls3", "10.0.0.3", "workgroup")
				w.add("ls0", "10.0.0.0", "workgroup")
			},
			func(s *discovery.Setup, _ *discovery.Config) { s.List = []string{"ls1:3343", "ls3:3343", "ls2:3343"} }, "ls3", "ls2 ls3", 0,
		},
		{
			"V5: keys that are all dead, then the broadcast", edition.Server2003,
			func(w *world) {
				w.add("ls1", "10.0.0.1", "workgroup").dead = true
				w.add("ls2", "10.0.0.2", "workgroup")
			},
			func(s *discovery.Setup, _ *discovery.Config) { s.List = []string{"ls1:3343"} }, "ls2", "ls2", 0,
		},
		{
			"there is no domain without DNS", edition.SP3, func(w *world) { w.add("ls1", "10.0.0.1", "workgroup") },
			func(s *discovery.Setup, _ *discovery.Config) { s.Domain = "other.example" }, "", "", 1,
		},
		{
			"without a site map there is no site", edition.SP3, func(w *world) { w.siteErr = errRefused }, inDomain, "", "", 1,
		},
		{
			"V12, V13: who is refused is none", edition.SP3,
			func(w *world) { w.add("rogue", "10.0.0.1", "workgroup"); w.add("ls1", "10.0.0.2", "workgroup") },
			func(_ *discovery.Setup, c *discovery.Config) {
				c.Accept = func(i tsls.ServerInfo) error {
					if i.Name == "rogue" {
						return errors.New("no chain to the clearinghouse")
					}
					return nil
				}
			}, "ls1", "ls1", 0,
		},
		{
			"one server at two addresses is one", edition.SP3,
			func(w *world) {
				w.add("ls1", "10.0.0.1", "workgroup")
				w.add("ls1", "10.1.0.1", "workgroup")
			}, nil, "ls1", "ls1", 0,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				tt.world(w)
				s := newSeeker(t, w, tt.edition, tt.change)
				began := time.Now()
				s.Pass(t.Context())
				if took := time.Since(began); took > 3*time.Second {
					t.Errorf("the pass took %v", took)
				}
				if got := s.inUse(); got != tt.want && (tt.want != "*" || got == "") {
					t.Errorf("in use is %q, want %q", got, tt.want)
				}
				if got := s.known(); got != tt.known {
					t.Errorf("the catalog is %q, want %q", got, tt.known)
				}
				if w.none != tt.none {
					t.Errorf("%d times none was found, want %d", w.none, tt.none)
				}
			})
		})
	}
}
