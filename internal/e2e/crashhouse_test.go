package e2e

import (
	"os"
	"slices"

	"github.com/tslab/tslab/internal/crash"
)

// houseDeaths are those of a command that stores and writes a document.
func houseDeaths() []death {
	return slices.Concat(deaths("house", "database", crash.BeforeStore, crash.AfterStore), deaths("house", "document", crash.BeforeReply, crash.AfterReply))
}

// houseWork is a command of the clearinghouse whose document goes to the license
// server. again is what is done where the document was lost, and the first try stored.
func houseWork(name, about string, base func(*crashFarm), command func(*crashFarm) []string, known, words string, again func(*crashFarm) []string, bring string, end map[string]string) exchange {
	return exchange{
		name: name, about: about, base: base,
		act: func(f *crashFarm) { f.tool("house", command(f)...) },
		again: func(f *crashFarm) string {
			next := "the document is there"
			if !exists(f.path("document")) {
				if next = f.said("house", map[string]string{known: words}, command(f)...); next == words {
					f.must("house", again(f)...)
				}
			}
			f.serve("ls1")
			f.bringAll(bring, "document")
			return next
		},
		who: []string{"house", "ls1"}, end: end,
		deaths: houseDeaths(),
	}
}

func houseActivates() exchange {
	activate := func(f *crashFarm) []string {
		return f.at("activate", "--output", f.path("document"), f.path("request"))
	}
	return houseWork("Activation at the clearinghouse", "`clearinghouse activate`, answering a license server's request.",
		func(f *crashFarm) {
			f.arm("w2k-sp3")
			f.must("house", f.at("init")...)
			f.serve("ls1")
			f.must("admin", "request", "--server", f.addr("ls1"), "--output", f.path("request"))
		},
		activate, "was activated", "refused: it was activated; again with --reason",
		func(f *crashFarm) []string {
			return slices.Insert(activate(f), 1, "--reason", "redeployed")
		}, "activate", map[string]string{"ls1": "activated, no key pack"})
}

func houseReactivates() exchange {
	reactivate := func(f *crashFarm) []string {
		return f.at("activate", "--reason", "redeployed", "--output", f.path("document"), f.path("request"))
	}
	return houseWork("Reactivation at the clearinghouse", "`clearinghouse activate --reason redeployed`, for a license server that was activated before and has two CALs.",
		func(f *crashFarm) {
			f.arm("w2k-sp3")
			f.enroll("ls1", "2")
			f.must("admin", "request", "--server", f.addr("ls1"), "--output", f.path("request"))
		},
		reactivate, "never", "never", reactivate, "activate", map[string]string{"ls1": "2 of 2 CALs free"})
}

func houseIssues() exchange {
	issue := func(f *crashFarm) []string {
		text, err := os.ReadFile(f.path("serverid"))
		if err != nil {
			f.t.Fatal(err)
		}
		return f.at("issue", "--output", f.path("document"), "--server", string(text), "--count", "2")
	}
	return houseWork("Key pack for no purchase", "`clearinghouse issue`.", noPack, issue, "never", "never", issue, "install", map[string]string{"ls1": "2 of 2 CALs free"})
}

// noPack is an activated license server without a key pack; its License Server ID lies
// in a file.
func noPack(f *crashFarm) {
	f.arm("w2k-sp3")
	f.enroll("ls1", "")
	if err := os.WriteFile(f.path("serverid"), []byte(f.serverID("ls1")), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

const enrollment = "LAB-1234566"

// sold has two CALs bought, and entered at the clearinghouse unless somebody is to die
// of that.
func sold(f *crashFarm) {
	noPack(f)
	f.must("shop", "sell", "--program", "select", "--number", enrollment, "--count", "2", "--state", f.path("shop"), "--clock", f.path("clock"), "--output", f.path("purchase"))
}

func claim(f *crashFarm, command string, more ...string) []string {
	text, err := os.ReadFile(f.path("serverid"))
	if err != nil {
		f.t.Fatal(err)
	}
	return f.at(command, append([]string{"--output", f.path("document"), "--server", string(text), "--program", "select", "--enrollment-number", enrollment}, more...)...)
}

func purchase() exchange {
	return exchange{
		name:  "A purchase is entered",
		about: "`clearinghouse purchase`, with a reseller's record of two CALs.",
		base:  sold,
		act:   func(f *crashFarm) { f.tool("house", f.at("purchase", f.path("purchase"))...) },
		again: func(f *crashFarm) string {
			return f.said("house", map[string]string{"this record was taken in": "refused: it is entered already"}, f.at("purchase", f.path("purchase"))...)
		},
		who: []string{"house"}, end: map[string]string{"house": "activations: 1, 0 of 2 bought installed"},
		deaths: deaths("house", "database", crash.BeforeStore, crash.AfterStore),
	}
}

func houseInstalls() exchange {
	install := func(f *crashFarm) []string { return claim(f, "install", "--count", "2") }
	return houseWork("Key pack for a purchase", "`clearinghouse install`: the two CALs that were bought.",
		func(f *crashFarm) {
			sold(f)
			f.must("house", f.at("purchase", f.path("purchase"))...)
		},
		install, "left", "refused: nothing is left of the purchase; `clearinghouse print`",
		func(f *crashFarm) []string { return claim(f, "print") }, "install",
		map[string]string{"house": "activations: 1, 2 of 2 bought installed", "ls1": "2 of 2 CALs free"})
}

func houseTransfers() exchange {
	transfer := func(f *crashFarm) []string {
		return claim(f, "transfer", "--license-id", "LAB-AAAAA-0000001", "--from", "PC-1", "--to", "PC-2")
	}
	return houseWork("Transfer of a license", "`clearinghouse transfer`: a key pack of one CAL for a license that goes to another computer, which may be once.",
		func(f *crashFarm) {
			sold(f)
			f.must("house", f.at("purchase", f.path("purchase"))...)
			f.must("house", claim(f, "install", "--count", "2")...)
			f.bring("install", "document")
			if err := os.Remove(f.path("document")); err != nil {
				f.t.Fatal(err)
			}
		},
		transfer, "may be once", "refused: it was transferred; `clearinghouse print`",
		func(f *crashFarm) []string { return claim(f, "print") }, "install",
		map[string]string{"house": "activations: 1, transfers: 1, 2 of 2 bought installed", "ls1": "3 of 3 CALs free"})
}

func houseDeactivates() exchange {
	deactivate := func(f *crashFarm) []string {
		text, err := os.ReadFile(f.path("serverid"))
		if err != nil {
			f.t.Fatal(err)
		}
		return f.at("deactivate", "--server", string(text))
	}
	return exchange{
		name:  "Deactivation at the clearinghouse",
		about: "`clearinghouse deactivate`.",
		base:  noPack,
		act:   func(f *crashFarm) { f.tool("house", deactivate(f)...) },
		again: func(f *crashFarm) string {
			return f.said("house", map[string]string{"was deactivated": "refused: it was deactivated"}, deactivate(f)...)
		},
		who: []string{"house"}, end: map[string]string{"house": "activations: 1, deactivations: 1"},
		deaths: deaths("house", "database", crash.BeforeStore, crash.AfterStore),
	}
}
