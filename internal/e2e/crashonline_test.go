package e2e

import (
	"os"
	"slices"

	"github.com/tslab/tslab/internal/crash"
)

// mended is an order that goes another way when it is told, the second time, that what
// it brought is lost.
type mended struct {
	order
	lost string // the table's words for that
	mend func(*crashFarm)
}

func (m mended) again(f *crashFarm) string {
	next := m.order.again(f)
	if next == m.lost {
		m.mend(f)
	}
	return next
}

// activating is an activation with the clearinghouse on the line, by a command of the
// licensing tool.
func activating(command func(f *crashFarm, word string, more ...string) []string) mended {
	const lost = "refused: it was activated; `licmgr reactivate`"
	o := order{servers: []string{"house", "ls1"}, tool: "admin", args: func(f *crashFarm) []string { return command(f, "activate") },
		refused: map[string]string{"is activated already": "refused: it is activated already", "was activated": lost}}
	return mended{o, lost, func(f *crashFarm) { f.must("admin", command(f, "reactivate", "--reason", "redeployed")...) }}
}

// automaticActivation is the way of Windows Server 2003: the license server itself goes
// to the clearinghouse.
func automaticActivation() exchange {
	activate := activating(func(f *crashFarm, command string, more ...string) []string {
		return append([]string{command, "--server", f.addr("ls1"), "--method", "automatic", "--trust", "--clearinghouse", f.addr("house"),
			"--company", "TSLab", "--contact", "An Administrator", "--country", "Norway"}, more...)
	})
	return exchange{
		name:  "Automatic activation, of Windows Server 2003",
		about: "`licmgr activate --method automatic`: the license server itself goes to the clearinghouse.",
		base: func(f *crashFarm) {
			f.arm("ws2003")
			f.must("house", f.at("init")...)
			if err := os.WriteFile(f.path("root"), []byte(f.must("house", "root", "--state", f.path("house"))), 0o600); err != nil {
				f.t.Fatal(err)
			}
			f.args["ls1"] = append(f.args["ls1"], "--clearinghouse", f.addr("house"), "--roots", f.path("root"))
			f.serve("house", "ls1")
		},
		act: activate.act, again: activate.again,
		who: []string{"house", "ls1"}, end: map[string]string{"ls1": "activated, no key pack"},
		deaths: deaths("ls1", "tsls.Automatic", whole()...),
	}
}

// automaticKeyPack is the same with an order.
func automaticKeyPack() exchange {
	x := automaticActivation()
	base := x.base
	order := func(f *crashFarm) []string {
		return []string{"install", "--server", f.addr("ls1"), "--method", "automatic", "--program", "select", "--enrollment-number", enrollment, "--count", "2"}
	}
	x.name = "Automatic key pack, of Windows Server 2003"
	x.about = "`licmgr install --method automatic`: the license server itself takes its signed order to the clearinghouse."
	x.base = func(f *crashFarm) {
		base(f)
		f.tool("admin", "activate", "--server", f.addr("ls1"), "--method", "automatic", "--trust", "--clearinghouse", f.addr("house"),
			"--company", "TSLab", "--contact", "An Administrator", "--country", "Norway")
		bought(f, "5.2")
	}
	x.act = func(f *crashFarm) {
		f.serve("house", "ls1")
		f.tool("admin", order(f)...)
	}
	x.again = func(f *crashFarm) string {
		f.serve("house", "ls1")
		const lost = "refused: nothing is left of the purchase; `clearinghouse print`"
		next := f.said("admin", map[string]string{"is installed already": "refused: it is installed already", "left": lost}, order(f)...)
		if next == lost {
			f.must("house", claim(f, "print", "--product", "5.2")...)
			f.bring("install", "document")
		}
		return next
	}
	x.end = map[string]string{"house": "activations: 1, 2 of 2 bought installed", "ls1": "2 of 2 CALs free"}
	return x
}

// bought has two CALs bought, and the purchase entered, for a license server that runs.
func bought(f *crashFarm, product string) {
	if err := os.WriteFile(f.path("serverid"), []byte(f.serverID("ls1")), 0o600); err != nil {
		f.t.Fatal(err)
	}
	f.must("shop", "sell", "--program", "select", "--number", enrollment, "--product", product, "--count", "2", "--state", f.path("shop"), "--clock", f.path("clock"), "--output", f.path("purchase"))
	f.must("house", f.at("purchase", f.path("purchase"))...)
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
	activate := activating((*crashFarm).online)
	return exchange{
		name:  "Activation over the Internet",
		about: "`licmgr activate`: the tool takes the license server's request to the clearinghouse, and brings the answer.",
		base:  houseOnline,
		act:   activate.act, again: activate.again,
		who: []string{"house", "ls1"}, end: map[string]string{"ls1": "activated, no key pack"},
		deaths: slices.Concat(deaths("house", "web activate", crash.Asked, crash.BeforeReply, crash.AfterReply), deaths("admin", "online", crash.Answered)),
	}
}

func keyPackOnline() exchange {
	const lost = "refused: nothing is left of the purchase; `clearinghouse print`"
	install := mended{
		order: order{servers: []string{"house", "ls1"}, tool: "admin", refused: map[string]string{"left": lost}, args: func(f *crashFarm) []string {
			return f.online("install", "--program", "select", "--enrollment-number", enrollment, "--count", "2")
		}},
		lost: lost,
		mend: func(f *crashFarm) {
			f.must("house", claim(f, "print")...)
			f.bring("install", "document")
		},
	}
	return exchange{
		name:  "Key pack over the Internet",
		about: "`licmgr install`: the tool takes the license server's signed order to the clearinghouse, and brings the key pack.",
		base: func(f *crashFarm) {
			houseOnline(f)
			f.must("admin", f.online("activate")...)
			bought(f, "5.0")
		},
		act: install.act, again: install.again,
		who: []string{"house", "ls1"}, end: map[string]string{"house": "activations: 1, 2 of 2 bought installed", "ls1": "2 of 2 CALs free"},
		deaths: slices.Concat(deaths("house", "web install", crash.Asked, crash.BeforeReply, crash.AfterReply), deaths("admin", "online", crash.Answered)),
	}
}
