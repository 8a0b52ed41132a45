package e2e

import (
	"os"
	"slices"
	"strings"

	"github.com/tslab/tslab/internal/crash"
)

// at gives a command of the clearinghouse its folder and calendar.
func (f *crashFarm) at(command string, args ...string) []string {
	return append([]string{command, "--state", f.path("house"), "--clock", f.path("clock")}, args...)
}

// bring has the licensing tool take a document to the license server.
func (f *crashFarm) bring(command, file string) string {
	already := map[string]string{"is activated already": "refused: it is activated already", "is installed already": "refused: it is installed already"}
	return f.said("admin", already, command, "--server", f.addr("ls1"), "--file", f.path(file))
}

// bringAll is bring for a file that may hold more than one document.
func (f *crashFarm) bringAll(command, file string) {
	text, err := os.ReadFile(f.path(file))
	if err != nil {
		f.t.Fatal(err)
	}
	const begin = "-----BEGIN "
	for _, rest := range strings.Split(string(text), begin)[1:] {
		if err := os.WriteFile(f.path("one"), []byte(begin+rest), 0o600); err != nil {
			f.t.Fatal(err)
		}
		f.bring(command, "one")
	}
}

func activation() exchange {
	return exchange{
		name:  "Activation, brought as a document",
		about: "`licmgr activate --file`.",
		base: func(f *crashFarm) {
			f.arm("w2k-sp3")
			f.must("house", f.at("init")...)
			f.serve("ls1")
			f.must("admin", "request", "--server", f.addr("ls1"), "--output", f.path("request"))
			f.must("house", f.at("activate", "--output", f.path("activation"), f.path("request"))...)
		},
		act: func(f *crashFarm) {
			f.serve("ls1")
			f.tool("admin", "activate", "--server", f.addr("ls1"), "--file", f.path("activation"))
		},
		again: func(f *crashFarm) string {
			f.serve("ls1")
			return f.bring("activate", "activation")
		},
		who: []string{"ls1"}, end: map[string]string{"ls1": "activated, no key pack"},
		deaths: deaths("ls1", "tsls.Activate", whole()...),
	}
}

func keyPack() exchange {
	return exchange{
		name:  "Key pack, brought as a document",
		about: "`licmgr install --file`.",
		base: func(f *crashFarm) {
			f.arm("w2k-sp3")
			f.enroll("ls1", "")
			f.pack("ls1", "pack", "--count", "2")
		},
		act: func(f *crashFarm) {
			f.serve("ls1")
			f.tool("admin", "install", "--server", f.addr("ls1"), "--file", f.path("pack"))
		},
		again: func(f *crashFarm) string {
			f.serve("ls1")
			return f.bring("install", "pack")
		},
		who: []string{"ls1"}, end: map[string]string{"ls1": "2 of 2 CALs free"},
		deaths: deaths("ls1", "tsls.InstallKeyPack", whole()...),
	}
}

// number is the last number of the lab in what a program printed.
func number(f *crashFarm, out string) string {
	all := labNumber.FindAllString(out, -1)
	if len(all) == 0 {
		f.t.Fatalf("no number in %q", out)
	}
	return all[len(all)-1]
}

// byProduct installs a license server from a product document, and has the number read
// out that activates it.
func byProduct(f *crashFarm) (serverID string) {
	f.arm("w2k-sp3")
	f.must("house", f.at("init")...)
	product, _, _ := strings.Cut(f.must("house", f.at("product", "--output", f.path("product"))...), ":")
	f.args["ls1"] = append(f.args["ls1"], "--product", f.path("product"))
	f.serve("ls1")
	return number(f, f.must("house", f.at("activate", "--product-id", number(f, product))...))
}

func (f *crashFarm) tell(command, flag, value string) []string {
	return []string{command, "--server", f.addr("ls1"), flag, value}
}

func activationByNumber() exchange {
	var serverID string
	return exchange{
		name:  "Activation, by telephone",
		about: "`licmgr activate --server-id`, with the number that the clearinghouse reads out.",
		base:  func(f *crashFarm) { serverID = byProduct(f) },
		act: func(f *crashFarm) {
			f.serve("ls1")
			f.tool("admin", f.tell("activate", "--server-id", serverID)...)
		},
		again: func(f *crashFarm) string {
			f.serve("ls1")
			return f.said("admin", map[string]string{"is activated already": "refused: it is activated already"}, f.tell("activate", "--server-id", serverID)...)
		},
		who: []string{"ls1"}, end: map[string]string{"ls1": "activated, no key pack"},
		deaths: deaths("ls1", "tsls.ActivateByNumber", whole()...),
	}
}

func keyPackByNumber() exchange {
	var packID string
	return exchange{
		name:  "Key pack, by telephone",
		about: "`licmgr install --pack-id`.",
		base: func(f *crashFarm) {
			serverID := byProduct(f)
			f.must("admin", f.tell("activate", "--server-id", serverID)...)
			f.must("house", f.at("issue", "--output", f.path("pack"), "--server", serverID, "--count", "2")...)
			text, err := os.ReadFile(f.path("pack"))
			if err != nil {
				f.t.Fatal(err)
			}
			for line := range strings.Lines(string(text)) {
				if strings.Contains(line, "Pack ID") {
					packID = number(f, line)
				}
			}
		},
		act: func(f *crashFarm) {
			f.serve("ls1")
			f.tool("admin", f.tell("install", "--pack-id", packID)...)
		},
		again: func(f *crashFarm) string {
			f.serve("ls1")
			return f.said("admin", map[string]string{"is installed already": "refused: it is installed already"}, f.tell("install", "--pack-id", packID)...)
		},
		who: []string{"ls1"}, end: map[string]string{"ls1": "2 of 2 CALs free"},
		deaths: deaths("ls1", "tsls.InstallByNumber", whole()...),
	}
}

func deactivation() exchange {
	return exchange{
		name:  "Deactivation of a license server",
		about: "`licmgr deactivate`.",
		base: func(f *crashFarm) {
			f.arm("w2k-sp3")
			f.enroll("ls1", "2")
		},
		act: func(f *crashFarm) {
			f.serve("ls1")
			f.tool("admin", "deactivate", "--lserver", f.path("ls1"))
		},
		again: func(f *crashFarm) string {
			f.serve("ls1")
			return f.said("admin", map[string]string{"is not activated": "refused: it is not activated"}, "deactivate", "--lserver", f.path("ls1"))
		},
		who: []string{"ls1"}, end: map[string]string{"ls1": "not activated, 2 of 2 CALs free"},
		deaths: deaths("ls1", "control deactivate", whole()...),
	}
}

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

// online is a command of the licensing tool over the Internet.
func (f *crashFarm) online(command string, args ...string) []string {
	return append([]string{command, "--server", f.addr("ls1"), "--method", "internet", "--clearinghouse", f.addr("house"), "--roots", f.path("root"),
		"--company", "TSLab", "--contact", "An Administrator", "--country", "Norway"}, args...)
}

// houseOnline is a clearinghouse that answers, and a license server that is new.
func houseOnline(f *crashFarm) {
	f.arm("w2k-sp3")
	f.must("house", f.at("init")...)
	if err := os.WriteFile(f.path("root"), []byte(f.must("house", "root", "--state", f.path("house"))), 0o600); err != nil {
		f.t.Fatal(err)
	}
	f.serve("house", "ls1")
}

func activationOnline() exchange {
	return exchange{
		name:  "Activation over the Internet",
		about: "`licmgr activate`: the tool takes the license server's request to the clearinghouse, and brings the answer.",
		base:  houseOnline,
		act: func(f *crashFarm) {
			f.serve("house", "ls1")
			f.tool("admin", f.online("activate")...)
		},
		again: func(f *crashFarm) string {
			f.serve("house", "ls1")
			const lost = "refused: it was activated; `licmgr reactivate`"
			next := f.said("admin", map[string]string{"is activated already": "refused: it is activated already", "was activated": lost}, f.online("activate")...)
			if next == lost {
				f.must("admin", f.online("reactivate", "--reason", "redeployed")...)
			}
			return next
		},
		who: []string{"house", "ls1"}, end: map[string]string{"ls1": "activated, no key pack"},
		deaths: slices.Concat(deaths("house", "web activate", crash.Asked, crash.BeforeReply, crash.AfterReply), deaths("admin", "online", crash.Answered)),
	}
}

func keyPackOnline() exchange {
	order := func(f *crashFarm) []string {
		return f.online("install", "--program", "select", "--enrollment-number", enrollment, "--count", "2")
	}
	return exchange{
		name:  "Key pack over the Internet",
		about: "`licmgr install`: the tool takes the license server's signed order to the clearinghouse, and brings the key pack.",
		base: func(f *crashFarm) {
			houseOnline(f)
			f.must("admin", f.online("activate")...)
			if err := os.WriteFile(f.path("serverid"), []byte(f.serverID("ls1")), 0o600); err != nil {
				f.t.Fatal(err)
			}
			f.must("shop", "sell", "--program", "select", "--number", enrollment, "--count", "2", "--state", f.path("shop"), "--clock", f.path("clock"), "--output", f.path("purchase"))
			f.must("house", f.at("purchase", f.path("purchase"))...)
		},
		act: func(f *crashFarm) {
			f.serve("house", "ls1")
			f.tool("admin", order(f)...)
		},
		again: func(f *crashFarm) string {
			f.serve("house", "ls1")
			const lost = "refused: nothing is left of the purchase; `clearinghouse print`"
			next := f.said("admin", map[string]string{"left": lost}, order(f)...)
			if next == lost {
				f.must("house", claim(f, "print")...)
				f.bring("install", "document")
			}
			return next
		},
		who: []string{"house", "ls1"}, end: map[string]string{"house": "activations: 1, 2 of 2 bought installed", "ls1": "2 of 2 CALs free"},
		deaths: slices.Concat(deaths("house", "web install", crash.Asked, crash.BeforeReply, crash.AfterReply), deaths("admin", "online", crash.Answered)),
	}
}
