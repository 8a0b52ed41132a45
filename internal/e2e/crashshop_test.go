package e2e

import (
	"os"
	"strings"
)

// at gives a command of the clearinghouse its folder and calendar.
func (f *crashFarm) at(command string, args ...string) []string {
	return append([]string{command, "--state", f.path("house"), "--clock", f.path("clock")}, args...)
}

// bring has the licensing tool take a document to the license server.
func (f *crashFarm) bring(command, file string) string {
	return f.said("admin", already(), command, "--server", f.addr("ls1"), "--file", f.path(file))
}

// toLicenseServer is a command of the licensing tool to the one license server.
func toLicenseServer(args func(*crashFarm) []string) order {
	return order{servers: []string{"ls1"}, tool: "admin", args: args, refused: already()}
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
	bring := toLicenseServer(func(f *crashFarm) []string { return f.tell("activate", "--file", f.path("activation")) })
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
		act: bring.act, again: bring.again,
		who: []string{"ls1"}, end: map[string]string{"ls1": "activated, no key pack"},
		deaths: deaths("ls1", "tsls.Activate", whole()...),
	}
}

func keyPack() exchange {
	bring := toLicenseServer(func(f *crashFarm) []string { return f.tell("install", "--file", f.path("pack")) })
	return exchange{
		name:  "Key pack, brought as a document",
		about: "`licmgr install --file`.",
		base: func(f *crashFarm) {
			f.arm("w2k-sp3")
			f.enroll("ls1", "")
			f.pack("ls1", "pack", "--count", "2")
		},
		act: bring.act, again: bring.again,
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
	activate := toLicenseServer(func(f *crashFarm) []string { return f.tell("activate", "--server-id", serverID) })
	return exchange{
		name:  "Activation, by telephone",
		about: "`licmgr activate --server-id`, with the number that the clearinghouse reads out.",
		base:  func(f *crashFarm) { serverID = byProduct(f) },
		act:   activate.act, again: activate.again,
		who: []string{"ls1"}, end: map[string]string{"ls1": "activated, no key pack"},
		deaths: deaths("ls1", "tsls.ActivateByNumber", whole()...),
	}
}

func keyPackByNumber() exchange {
	var packID string
	install := toLicenseServer(func(f *crashFarm) []string { return f.tell("install", "--pack-id", packID) })
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
		act: install.act, again: install.again,
		who: []string{"ls1"}, end: map[string]string{"ls1": "2 of 2 CALs free"},
		deaths: deaths("ls1", "tsls.InstallByNumber", whole()...),
	}
}

func deactivation() exchange {
	deactivate := toLicenseServer(func(f *crashFarm) []string { return []string{"deactivate", "--lserver", f.path("ls1")} })
	return exchange{
		name:  "Deactivation of a license server",
		about: "`licmgr deactivate`.",
		base: func(f *crashFarm) {
			f.arm("w2k-sp3")
			f.enroll("ls1", "2")
		},
		act: deactivate.act, again: deactivate.again,
		who: []string{"ls1"}, end: map[string]string{"ls1": "not activated, 2 of 2 CALs free"},
		deaths: deaths("ls1", "control deactivate", whole()...),
	}
}

// deactivationByNumber is that with the code that the clearinghouse reads out.
func deactivationByNumber() exchange {
	var code string
	deactivate := toLicenseServer(func(f *crashFarm) []string { return f.tell("deactivate", "--confirmation", code) })
	return exchange{
		name:  "Deactivation, by telephone",
		about: "`licmgr deactivate --confirmation`, with the code that the clearinghouse reads out.",
		base: func(f *crashFarm) {
			f.arm("w2k-sp3")
			f.enroll("ls1", "2")
			code = number(f, f.must("house", f.at("deactivate", "--server", f.serverID("ls1"))...))
		},
		act: deactivate.act, again: deactivate.again,
		who: []string{"ls1"}, end: map[string]string{"ls1": "not activated, 2 of 2 CALs free"},
		deaths: deaths("ls1", "tsls.Deactivate", whole()...),
	}
}
