package e2e

import (
	"regexp"
	"slices"
	"strings"

	"github.com/tslab/tslab/internal/crash"
	"github.com/tslab/tslab/internal/eventlog"
)

// redirect: the first license server knows by gossip that the second has a CAL.
func redirect() exchange {
	farm := func(f *crashFarm) {
		f.serve("ls2", "ls1")
		f.until("the first license server hears of the second", func() (bool, error) {
			started, heard := 0, false
			for _, e := range f.events("ls1") {
				if e.Name == eventlog.GossipStarted.Name {
					started, heard = started+1, false
				}
				heard = heard || e.Name == eventlog.InventoryHeard.Name && e.Fields["free"] != "0"
			}
			return started > 0 && heard || f.dead("ls1") || f.dead("ls2"), nil
		})
		f.serve("ts")
	}
	x := exchange{
		name: "Redirect to another license server",
		about: "The device has a validated temporary token of a license server without CALs, which sends the terminal server to\n" +
			"another one. That one gives a CAL, and the first is told to close the temporary token.",
		base: func(f *crashFarm) {
			f.arm("ws2003") // in Windows 2000 one that is named sends nobody on
			f.enroll("ls1", "")
			f.enroll("ls2", "2")
			f.serve("ts")
			f.until("the license server is met", func() (bool, error) { return strings.Contains(f.holds("ts"), "knows"), nil })
			if code := f.connect(); code != 0 {
				f.t.Fatalf("connect: exit status %d", code)
			}
			for actor, other := range map[string]string{"ls1": "ls2", "ls2": "ls1"} {
				f.args[actor] = append(slices.Clone(f.args[actor]), "--gossip", f.host(actor)+":3344", "--peers", f.host(other)+":3344")
			}
		},
		act: func(f *crashFarm) {
			farm(f)
			f.connect()
		},
		again: func(f *crashFarm) string {
			farm(f)
			return admitted(f)
		},
		tries: 2, who: []string{"pc", "ls1", "ls2"},
		end:     map[string]string{"pc": "CAL to day 60", "ls1": "activated, no key pack", "ls2": "CAL to day 60, 1 of 2 CALs free"},
		returns: map[string]string{"ls2": "2 of 2 CALs free"},
	}
	open := map[string]string{"pc": "CAL to day 60", "ls1": "activated, temporary to day 90 (validated), no key pack", "ls2": "CAL to day 60, 1 of 2 CALs free"}
	lost := slices.Concat(deaths("ls1", "tsls.Allocate", crash.AfterReply), deaths("ls1", "tsls.Close", crash.Asked, crash.BeforeStore))
	for i := range lost {
		lost[i].end = open
		lost[i].why = "The temporary token stays open at the first license server until its date. The device has its CAL, and nobody is hurt: of\n" +
			"temporary tokens there is no end."
	}
	x.deaths = slices.Concat(
		deaths("ls1", "tsls.Allocate", crash.Asked, crash.BeforeReply),
		deaths("ls2", "tsls.Allocate", whole()...),
		deaths("ts", "referral", crash.Answered),
		lost,
		deaths("ls1", "tsls.Close", crash.AfterStore, crash.BeforeReply, crash.AfterReply),
	)
	return x
}

// admitted is what came of a connection with everybody alive.
func admitted(f *crashFarm) string {
	if code := f.connect(); code != 0 {
		f.t.Errorf("the device is refused: exit status %d", code)
		return "refused"
	}
	return "admitted"
}

func graceStart() exchange {
	return exchange{
		name:  "Start of the grace period",
		about: "No license server is known. The first device that is admitted starts the licensing grace period.",
		base: func(f *crashFarm) {
			f.arm("w2k-sp3")
			f.serve("ts")
		},
		act: func(f *crashFarm) {
			f.serve("ts")
			f.connect()
		},
		again: func(f *crashFarm) string {
			f.serve("ts")
			return admitted(f)
		},
		who: []string{"pc", "ts"}, end: map[string]string{"pc": "no token", "ts": "grace runs to day 90"},
		deaths: slices.Concat(deaths("ts", "file grace.json", crash.BeforeStore, crash.AfterStore), deaths("ts", "license", crash.BeforeReply, crash.AfterReply)),
	}
}

func firstMeeting() exchange {
	meet := func(f *crashFarm) { f.serve("ls1", "ts") }
	return exchange{
		name:  "A license server is met for the first time",
		about: "The grace period runs. A terminal server of Windows 2000 starts and finds a license server: it learns its certificates, and\nits grace period is over.",
		base: func(f *crashFarm) {
			f.arm("w2k-sp3")
			f.serve("ts")
			f.connect()
			f.enroll("ls1", "2")
		},
		act: meet,
		again: func(f *crashFarm) string {
			meet(f)
			f.until("the license server is met", func() (bool, error) { return strings.Contains(f.holds("ts"), "grace over, knows"), nil })
			return "started again"
		},
		who: []string{"ts"}, end: map[string]string{"ts": "grace over, knows its license server"},
		deaths: slices.Concat(deaths("ts", "file licenseservers.pem", crash.BeforeStore, crash.AfterStore), deaths("ts", "file grace.json", crash.BeforeStore, crash.AfterStore)),
	}
}

func configuration() exchange {
	set := order{servers: []string{"ts"}, tool: "tscc", args: func(f *crashFarm) []string { return []string{"set", "--state", f.path("ts"), "warn_days=7"} }}
	return exchange{
		name:  "Configuration of a terminal server",
		about: "`tscc set warn_days=7`.",
		base: func(f *crashFarm) {
			f.arm("w2k-sp3")
			f.serve("ts")
		},
		act: set.act, again: set.again,
		who: []string{"ts"}, end: map[string]string{"ts": "grace not begun, warn_days=7"},
		deaths: slices.Concat(
			deaths("ts", "control configure", crash.Asked),
			deaths("ts", "file settings.json", crash.BeforeStore, crash.AfterStore),
			deaths("ts", "control configure", crash.BeforeReply, crash.AfterReply),
		),
	}
}

// connectorFarm is a license server with two CALs and an Internet Connector license.
func connectorFarm(on bool) func(*crashFarm) {
	return func(f *crashFarm) {
		licensed("w2k-sp3", 0)(f)
		f.pack("ls1", "connector", "--count", "1", "--kind", "internet-connector")
		f.must("admin", "install", "--server", f.addr("ls1"), "--file", f.path("connector"))
		if on {
			f.must("tscc", connector("enable").args(f)...)
		}
	}
}

// connector is `tscc ic enable` or `tscc ic disable`.
func connector(word string) order {
	return order{servers: []string{"ls1", "ts"}, tool: "tscc", args: func(f *crashFarm) []string { return []string{"ic", word, "--state", f.path("ts")} }}
}

func connectorOn() exchange {
	enable := connector("enable")
	return exchange{
		name:  "Internet Connector licensing turned on",
		about: "`tscc ic enable`: the terminal server takes the Internet Connector license that there is.",
		base:  connectorFarm(false),
		act:   enable.act, again: enable.again,
		who: []string{"ts", "ls1"},
		end: map[string]string{
			"ts":  "Internet Connector on, grace over, knows its license server, the account TSInternetUser",
			"ls1": "Internet Connector, 2 of 2 CALs free, 0 of 1 Internet Connectors free",
		},
		deaths: slices.Concat(
			deaths("ls1", "tsls.Allocate", whole()...),
			deaths("ts", "connector", crash.Answered),
			deaths("ts", "file TSInternetUser.json", crash.BeforeStore, crash.AfterStore),
			deaths("ts", "file settings.json", crash.BeforeStore, crash.AfterStore),
		),
	}
}

func connectorOff() exchange {
	disable := connector("disable")
	return exchange{
		name:  "Internet Connector licensing turned off",
		about: "`tscc ic disable`: the terminal server gives the license back.",
		base:  connectorFarm(true),
		act:   disable.act, again: disable.again,
		who: []string{"ts", "ls1"},
		end: map[string]string{"ls1": "2 of 2 CALs free, 1 of 1 Internet Connectors free"},
		deaths: slices.Concat(
			deaths("ls1", "tsls.Return", whole()...),
			deaths("ts", "connector off", crash.Answered),
			deaths("ts", "file settings.json", crash.BeforeStore, crash.AfterStore),
		),
	}
}

// labNumber is a number of the lab that somebody reads out.
var labNumber = regexp.MustCompile(`LAB-[A-Z0-9]+(-[A-Z0-9]+)+`)
