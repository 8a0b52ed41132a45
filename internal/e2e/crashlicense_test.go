package e2e

import (
	"slices"
	"strings"

	"github.com/tslab/tslab/internal/crash"
)

// exchanges are all rows of the crash table.
func exchanges() []exchange {
	return []exchange{
		newToken(), macToken(), upgrade(), renewal(), oldCAL(), expiry(), redirect(),
		graceStart(), firstMeeting(), configuration(), connectorOn(), connectorOff(),
		joining(), enteringSite(), leavingSite(), movingSubnet(), newController(), newTerminalServer(), newLicenseServer(), upgradedServer(), restored(), newHouse(),
		purchase(), houseActivates(), activation(), activationByNumber(), activationOnline(), automaticActivation(),
		houseInstalls(), houseIssues(), keyPack(), keyPackByNumber(), keyPackOnline(), automaticKeyPack(),
		houseTransfers(), houseReactivates(), houseDeactivates(), deactivation(), deactivationByNumber(),
	}
}

// arm gives the servers their command lines. CALs live 60 days.
func (f *crashFarm) arm(edition string) {
	f.edition = edition
	licensing := []string{"--edition", edition, "--seed", "7"}
	if edition != "w2k-rtm" {
		licensing = append(licensing, "--cal-life", "60")
	}
	f.args["ls1"], f.args["ls2"] = licensing, licensing
	f.args["ts"] = []string{"--edition", edition, "--key-bits", "512", "--license-server", f.addr("ls1")}
}

// enroll makes a clearinghouse, and a license server of it with two CALs. The license
// server runs afterwards.
func (f *crashFarm) enroll(actor string, cals string) {
	if !exists(f.path("house")) {
		f.must("house", "init", "--state", f.path("house"), "--clock", f.path("clock"))
	}
	f.serve(actor)
	f.must("admin", "request", "--server", f.addr(actor), "--output", f.path("request"))
	f.must("house", "activate", "--state", f.path("house"), "--clock", f.path("clock"), "--output", f.path("activation"), f.path("request"))
	f.must("admin", "activate", "--server", f.addr(actor), "--file", f.path("activation"))
	if cals != "" {
		f.pack(actor, "pack", "--count", cals)
		f.must("admin", "install", "--server", f.addr(actor), "--file", f.path("pack"))
	}
}

// pack has the clearinghouse issue a key pack to a file.
func (f *crashFarm) pack(actor, file string, args ...string) {
	if f.edition == "ws2003" {
		args = append(args, "--product", "Windows Server 2003")
	}
	f.must("house", append([]string{"issue", "--state", f.path("house"), "--clock", f.path("clock"), "--output", f.path(file), "--server", f.serverID(actor)}, args...)...)
}

// licensed is where most exchanges begin: a license server with two CALs, a terminal
// server that has met it. after connects of the device have been.
func licensed(edition string, connects int) func(*crashFarm) {
	return func(f *crashFarm) {
		f.arm(edition)
		f.enroll("ls1", "2")
		f.serve("ts")
		f.until("the license server is met", func() (bool, error) {
			return strings.Contains(f.holds("ts"), "grace over, knows"), nil
		})
		for range connects {
			if code := f.connect(); code != 0 {
				f.t.Fatalf("connect: exit status %d", code)
			}
		}
	}
}

// try is a connection of the device, with everybody alive.
func try(f *crashFarm) string {
	f.serve("ls1", "ts")
	if code := f.connect(); code != 0 {
		f.t.Errorf("the device is refused: exit status %d", code)
		return "refused"
	}
	return "admitted"
}

// connects is a connection of the device in which somebody dies.
func connects(f *crashFarm) {
	f.serve("ls1", "ts")
	f.connect()
}

// licenseDeaths are those of a connection that brings a token.
func licenseDeaths() []death {
	return slices.Concat(
		deaths("pc", "challenge", crash.BeforeReply, crash.AfterReply),
		deaths("pc", "license", crash.BeforeStore, crash.AfterStore),
		deaths("ts", "license", crash.Asked, crash.Answered, crash.BeforeReply, crash.AfterReply),
		deaths("ls1", "tsls.Allocate", whole()...),
	)
}

func newToken() exchange {
	return exchange{
		name: "New temporary token, marked as validated",
		about: "Windows 2000 with the Service Pack. A new device connects and its user logs on: it gets a temporary token, and the\n" +
			"logon marks it as validated. Two CALs are free.",
		base: licensed("w2k-sp3", 0), act: connects, again: try, tries: 3,
		who: []string{"pc", "ls1"},
		end: map[string]string{"pc": "CAL to day 60", "ls1": "CAL to day 60, 1 of 2 CALs free"}, returns: map[string]string{"ls1": "2 of 2 CALs free"},
		deaths: slices.Concat(
			deaths("pc", "file mslicensing.reg", crash.BeforeStore, crash.AfterStore), // the hardware id
			licenseDeaths(),
			deaths("ts", "logon", crash.Asked, crash.Answered),
			deaths("ls1", "tsls.Mark", whole()...),
		),
	}
}

func macToken() exchange {
	x := exchange{
		name:  "New temporary token of a Macintosh",
		about: "The same for a device that keeps its token in a folder of files. It has its hardware id already.",
		base: func(f *crashFarm) {
			licensed("w2k-sp3", 0)(f)
			f.stop()
			f.serve("ts") // nobody answers: it gets no token, but a hardware id
			f.connect("--persona", "mac")
		},
		act: func(f *crashFarm) {
			f.serve("ls1", "ts")
			f.connect("--persona", "mac")
		},
		tries: 3, who: []string{"pc", "ls1"},
		end: map[string]string{"pc": "CAL to day 60", "ls1": "CAL to day 60, 1 of 2 CALs free"}, returns: map[string]string{"ls1": "2 of 2 CALs free"},
		deaths: deaths("pc", "file LICENSE000", crash.BeforeStore, crash.AfterStore),
	}
	x.again = func(f *crashFarm) string {
		f.serve("ls1", "ts")
		if code := f.connect("--persona", "mac"); code != 0 {
			f.t.Errorf("the device is refused: exit status %d", code)
		}
		return "admitted"
	}
	return x
}

func upgrade() exchange {
	return exchange{
		name:  "Upgrade to a CAL",
		about: "The device connects again, with its validated temporary token: it gets one of the two CALs.",
		base:  licensed("w2k-sp3", 1), act: connects, again: try, tries: 2,
		who: []string{"pc", "ls1"},
		end: map[string]string{"pc": "CAL to day 60", "ls1": "CAL to day 60, 1 of 2 CALs free"}, returns: map[string]string{"ls1": "2 of 2 CALs free"},
		deaths: slices.Concat(licenseDeaths(), deaths("pc", "file mslicensing.reg", crash.BeforeStore, crash.AfterStore)),
	}
}

func renewal() exchange {
	return exchange{
		name:  "Renewal",
		about: "The device has a CAL to day 60 and connects on day 55: the CAL gets another 60 days.",
		base: func(f *crashFarm) {
			licensed("w2k-sp3", 2)(f)
			f.stop()
			f.advance(55)
		},
		act: connects, again: try, tries: 2,
		who: []string{"pc", "ls1"},
		end: map[string]string{"pc": "CAL to day 115", "ls1": "CAL to day 115, 1 of 2 CALs free"}, returns: map[string]string{"ls1": "2 of 2 CALs free"},
		deaths: licenseDeaths(),
	}
}

// oldCAL is the one exchange that loses something, as it did: Q294729.
func oldCAL() exchange {
	lost := map[string]string{"pc": "CAL", "ls1": "CAL, 0 of 2 CALs free"}
	why := "In the first release nobody looks a device up by its hardware id: a CAL that was given and did not arrive is away, and the device\n" +
		"takes another. The clearinghouse gives the lost one back by telephone (white paper, License Recovery); Service Pack 3 mends it."
	x := exchange{
		name:  "CAL at once, in the first release of Windows 2000",
		about: "A new device connects and gets one of the two CALs, which never expires.",
		base:  licensed("w2k-rtm", 0), act: connects, again: try, tries: 2,
		who: []string{"pc", "ls1"},
		end: map[string]string{"pc": "CAL", "ls1": "CAL, 1 of 2 CALs free"},
	}
	kept := slices.Concat(deaths("ls1", "tsls.Allocate", crash.Asked, crash.BeforeStore), deaths("ts", "license", crash.Asked))
	gone := slices.Concat(deaths("ls1", "tsls.Allocate", crash.AfterStore, crash.BeforeReply), deaths("ts", "license", crash.Answered), deaths("pc", "license", crash.BeforeStore))
	for i := range gone {
		gone[i].end, gone[i].why = lost, why
	}
	x.deaths = slices.Concat(kept, gone, deaths("pc", "license", crash.AfterStore))
	return x
}

func expiry() exchange {
	return exchange{
		name:  "Return at expiry",
		about: "The device has not come back: on day 61 its CAL returns to the pool.",
		base: func(f *crashFarm) {
			licensed("w2k-sp3", 2)(f)
			f.stop()
			f.advance(61)
		},
		act: func(f *crashFarm) { f.serve("ls1") },
		again: func(f *crashFarm) string {
			f.serve("ls1")
			return "started again"
		},
		who: []string{"ls1"}, end: map[string]string{"ls1": "2 of 2 CALs free"}, returns: map[string]string{"ls1": "2 of 2 CALs free"},
		deaths: deaths("ls1", "sweep", crash.BeforeStore, crash.AfterStore),
	}
}
