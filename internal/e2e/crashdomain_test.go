package e2e

import (
	"os"
	"slices"
	"strings"

	"github.com/tslab/tslab/internal/crash"
)

// domain is a domain controller that serves; join has other actors join it when they
// are started.
func domain(f *crashFarm, edition string, join ...string) {
	if err := os.WriteFile(f.path("secret"), []byte("sesame-sesame-sesame\n"), 0o600); err != nil {
		f.t.Fatal(err)
	}
	f.arm(edition)
	flags := []string{"--domain", "lab.example", "--join-secret-file", f.path("secret")}
	f.args["dc"] = append(slices.Clone(flags), "--listen-dns", f.host("dc")+":5353")
	f.serve("dc")
	for _, actor := range join {
		f.args[actor] = slices.Concat(f.args[actor], flags, []string{"--dc", f.addr("dc")})
	}
}

func joining() exchange {
	both := func(f *crashFarm) { f.serve("dc", "ts") }
	return exchange{
		name:  "Joining a domain",
		about: "A terminal server starts with `--domain`: the domain controller makes it a member.",
		base:  func(f *crashFarm) { domain(f, "w2k-sp3", "ts") },
		act:   both,
		again: func(f *crashFarm) string {
			both(f)
			return "a member"
		},
		who: []string{"ts", "dc"}, end: map[string]string{"ts": "a member of the domain, grace not begun", "dc": "ts is a member"},
		deaths: slices.Concat(
			deaths("dc", "enroll", whole()...),
			deaths("ts", "file membership.txt", crash.BeforeStore, crash.AfterStore),
		),
	}
}

// site puts the network of the whole farm into a site.
func site(f *crashFarm) []string {
	return []string{"site", "set", "--state", f.path("dc"), "127.0.0.0/8", "oslo"}
}

func newController() exchange {
	return begun(exchange{
		name:  "A domain controller's first start",
		about: "`labdc` in an empty folder begins its directory.",
		base: func(f *crashFarm) {
			domain(f, "w2k-sp3")
			f.stop()
			if err := os.RemoveAll(f.path("dc")); err != nil {
				f.t.Fatal(err)
			}
		},
		who: []string{"dc"}, end: map[string]string{"dc": "nobody is a member"},
		deaths: deaths("dc", "file directory.json", crash.BeforeStore, crash.AfterStore),
	}, "dc")
}

func movingSubnet() exchange {
	return exchange{
		name:  "A subnet is put into a site",
		about: "`labdc site set`.",
		base:  func(f *crashFarm) { domain(f, "w2k-sp3") },
		act: func(f *crashFarm) {
			f.serve("dc")
			f.tool("dctool", site(f)...)
		},
		again: func(f *crashFarm) string {
			f.serve("dc")
			return f.said("dctool", nil, site(f)...)
		},
		who: []string{"dc"}, end: map[string]string{"dc": "site oslo has a subnet"},
		deaths: deaths("dc", "control site", crash.Asked, crash.BeforeReply, crash.AfterReply),
	}
}

// enterprise is a license server that has joined the domain and is to serve its site
// when it is started next.
func enterprise(f *crashFarm) {
	domain(f, "ws2003", "ls1")
	f.must("dctool", site(f)...)
	f.serve("ls1")
	f.stop()
	f.args["ls1"] = append(f.args["ls1"], "--scope", "enterprise")
}

// entered starts both and waits until the site names the license server, or one is dead.
func entered(f *crashFarm) {
	f.serve("dc", "ls1")
	f.until("the site names the license server", func() (bool, error) {
		return strings.Contains(f.holds("dc"), "names ls1") || f.dead("dc") || f.dead("ls1"), nil
	})
}

func enteringSite() exchange {
	return exchange{
		name:  "A site's entry is made",
		about: "A license server that is a member starts in the enterprise scope: the domain controller writes down that the site has it.",
		base:  enterprise,
		act:   entered,
		again: func(f *crashFarm) string {
			entered(f)
			return "started again"
		},
		who: []string{"dc", "ls1"}, end: map[string]string{"dc": "ls1 is a member, site oslo has a subnet, site oslo names ls1"},
		deaths: deaths("dc", "entry", whole()...),
	}
}

func leavingSite() exchange {
	leave := func(f *crashFarm) []string { return []string{"scope", "--lserver", f.path("ls1"), "domain"} }
	return exchange{
		name: "Another scope for a license server",
		about: "`licmgr scope domain`, at one that serves a site: the site's entry is taken back. Who dies before the new scope is stored is of\n" +
			"the old one, and enters its site again when it is started.",
		base: func(f *crashFarm) {
			enterprise(f)
			entered(f)
		},
		act: func(f *crashFarm) {
			entered(f)
			f.tool("admin", leave(f)...)
		},
		again: func(f *crashFarm) string {
			f.serve("dc", "ls1")
			return f.said("admin", nil, leave(f)...)
		},
		who: []string{"dc", "ls1"}, end: map[string]string{"dc": "ls1 is a member, site oslo has a subnet", "ls1": "not activated, scope domain, no key pack"},
		deaths: slices.Concat(
			deaths("ls1", "control scope", crash.Asked),
			deaths("ls1", "file scope", crash.BeforeStore, crash.AfterStore),
			deaths("ls1", "control scope", crash.BeforeReply, crash.AfterReply),
		),
	}
}
