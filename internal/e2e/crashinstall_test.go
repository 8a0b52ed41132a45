package e2e

import (
	"slices"

	"github.com/tslab/tslab/internal/crash"
)

// begun is an exchange that is no more than a start of one server.
func begun(x exchange, actor string) exchange {
	x.act = func(f *crashFarm) { f.serve(actor) }
	x.again = func(f *crashFarm) string {
		f.serve(actor)
		return "started again"
	}
	return x
}

func newTerminalServer() exchange {
	return begun(exchange{
		name:  "A terminal server's first start",
		about: "`termsrv` in an empty folder makes the keys by which clients know it.",
		base:  func(f *crashFarm) { f.arm("w2k-sp3") },
		who:   []string{"ts"}, end: map[string]string{"ts": "grace not begun"},
		deaths: slices.Concat(deaths("ts", "file rdpkey.der", crash.BeforeStore, crash.AfterStore), deaths("ts", "file tls.pem", crash.BeforeStore, crash.AfterStore)),
	}, "ts")
}

func newLicenseServer() exchange {
	return begun(exchange{
		name:  "A license server's first start",
		about: "`lserver` in an empty folder makes its store and the key that it signs by.",
		base:  func(f *crashFarm) { f.arm("w2k-sp3") },
		who:   []string{"ls1"}, end: map[string]string{"ls1": "not activated, no key pack"},
		deaths: deaths("ls1", "identity", crash.BeforeStore, crash.AfterStore),
	}, "ls1")
}

func upgradedServer() exchange {
	return begun(exchange{
		name:  "A license server becomes one of Windows Server 2003",
		about: "`lserver --edition ws2003` in the folder of one of Windows 2000, which has issued a CAL: it is to be activated again.",
		base: func(f *crashFarm) {
			licensed("w2k-sp3", 2)(f)
			f.stop()
			f.arm("ws2003")
		},
		who: []string{"ls1"}, end: map[string]string{"ls1": "not activated, CAL to day 60, 1 of 2 CALs free"}, returns: map[string]string{"ls1": "2 of 2 CALs free"},
		deaths: deaths("ls1", "upgrade", crash.BeforeStore, crash.AfterStore),
	}, "ls1")
}

// restored: what lies in the folder is a store at every moment, the old one or that of
// the backup.
func restored() exchange {
	restore := func(f *crashFarm) []string { return []string{"restore", "--lserver", f.path("ls1"), f.path("backup")} }
	return exchange{
		name:  "A backup is restored",
		about: "`licmgr restore`, with a backup of before the device had its CAL.",
		base: func(f *crashFarm) {
			licensed("w2k-sp3", 1)(f)
			f.must("admin", "backup", "--lserver", f.path("ls1"), f.path("backup"))
			f.connect()
		},
		act: func(f *crashFarm) { f.tool("admin", restore(f)...) },
		again: func(f *crashFarm) string {
			next := f.said("admin", nil, restore(f)...)
			f.serve("ls1")
			return next
		},
		who: []string{"ls1"}, end: map[string]string{"ls1": "temporary to day 90 (validated), 2 of 2 CALs free"}, returns: map[string]string{"ls1": "2 of 2 CALs free"},
		deaths: deaths("admin", "file licenses.db", crash.BeforeStore, crash.AfterStore),
	}
}

func newHouse() exchange {
	found := func(f *crashFarm) []string { return f.at("init") }
	return exchange{
		name:  "A clearinghouse is founded",
		about: "`clearinghouse init` makes its root certificate, which is never overwritten.",
		base:  func(f *crashFarm) { f.arm("w2k-sp3") },
		act:   func(f *crashFarm) { f.tool("house", found(f)...) },
		again: func(f *crashFarm) string {
			return f.said("house", map[string]string{"its root is not overwritten": "refused: it is founded already"}, found(f)...)
		},
		who: []string{"house"}, end: map[string]string{"house": "nothing"},
		deaths: deaths("house", "file root.pem", crash.BeforeStore, crash.AfterStore),
	}
}
