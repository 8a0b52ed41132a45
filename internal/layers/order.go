// Package layers holds the order of the tree: which package may import which, who
// alone may import a heavy module, what is banned where, and why. Its test reads
// the sources of the whole module, for every operating system at once.
package layers

import "strings"

// Module is the module's path.
const Module = "github.com/tslab/tslab"

// order is the tree of ARCHITECTURE.md. A package imports only from lower layers. A
// new package needs a place here.
var order = [][]string{
	0: {"internal/cursor", "internal/clock", "internal/crash", "internal/edition", "internal/cli", "internal/hostport", "captures"},
	1: {"wire/hwid", "wire/rdpsec", "wire/codes", "wire/locate", "internal/durable", "internal/eventlog", "internal/control", "internal/tamper"},
	2: {"wire/rdp", "wire/licensing", "wire/token", "wire/enroll", "wire/tsls", "internal/program"},
	3: {"internal/identity", "internal/transport", "internal/rdpconn", "ls/keypack", "ls/inventory", "ts/policy", "ts/screen"},
	4: {"discovery", "ls/policy", "ls/store", "ls/gossip", "ls/gossip/mesh", "ls/report", "ls/clearinghouse", "netlab/netns", "netlab/fault"},
	5: {"internal/rules", "internal/admin", "discovery/dc", "discovery/domain", "client", "ts", "ls", "netlab/fault/relay", "netlab/fault/tcx", "netlab/capture", "ls/clearinghouse/web"},
	6: {"internal/onebox", "netlab"},
	7: {"netlab/script", "netlab/drills", "netlab/report", "netlab/export", "internal/harness"},
	8: {
		"cmd/tsclient", "cmd/termsrv", "cmd/lserver", "cmd/clearinghouse", "cmd/labdc", "cmd/licmgr", "cmd/lsreport", "cmd/tscc", "cmd/tslab",
		"internal/layers", "internal/requirements", "internal/story", "internal/e2e", "internal/e2e/mutants", "internal/interop", "internal/bench",
	},
}

// layerOf returns the package's layer, or -1.
func layerOf(pkg string) int {
	for layer, packages := range order {
		for _, p := range packages {
			if p == pkg {
				return layer
			}
		}
	}
	return -1
}

// A rule says who may not import what, and why.
type rule struct {
	imports string   // an import path or, with /... at its end, also all under it; own packages without the module's path
	only    []string // these alone may; nil: see not
	not     []string // these may not
	why     string
}

var (
	pure = []string{"wire/...", "ts/policy", "ls/policy", "ls/inventory", "ls/report", "internal/rules", "internal/edition", "internal/cursor"}

	rules = []rule{
		// Heavy modules and their only doors.
		{imports: "go.etcd.io/bbolt/...", only: []string{"ls/store", "ls/clearinghouse"}, why: "what is stored has one owner each"},
		{imports: "github.com/vishvananda/...", only: []string{"netlab/netns"}, why: "namespaces and links have one owner, who locks threads"},
		{imports: "go.starlark.net/...", only: []string{"netlab/script"}, why: "the drills' language is one package's business"},
		{imports: "github.com/gopacket/gopacket/...", only: []string{"netlab/capture"}, why: "packets are read and written in one place"},
		{imports: "github.com/hashicorp/memberlist/...", only: []string{"ls/gossip/..."}, why: "gossip is a hint and stays behind one door"},
		{imports: "github.com/cilium/ebpf/...", only: []string{"netlab/fault/tcx"}, why: "only root can load it"},
		{imports: "github.com/miekg/dns/...", only: []string{"discovery", "discovery/dc", "discovery/domain"}, why: "names are asked and answered in one place each"},
		{imports: "golang.org/x/net/ipv4", only: []string{"discovery"}, why: "one package knows which interface a datagram came in on"},
		{imports: "golang.org/x/net/ipv6", only: []string{"discovery"}, why: "one package knows which interface a datagram came in on"},
		{imports: "filippo.io/bigmod/...", only: []string{"wire/rdpsec"}, why: "raw RSA stands in one package"},
		{imports: "github.com/smallstep/pkcs7/...", only: []string{"wire/token"}, why: "one certificate code"},
		{imports: "github.com/google/renameio/...", only: []string{"internal/durable"}, why: "the file you would hate to lose is written by one package"},
		{imports: "github.com/urfave/cli/...", only: []string{"internal/cli", "cmd/..."}, why: "a command line is described in cmd, and nothing else parses one"},
		{imports: "golang.org/x/image/...", only: []string{"ts/screen"}, why: "only the session draws"},
		{imports: "github.com/google/go-cmp/...", only: []string{}, why: "it panics, and is for tests"},
		{imports: "pgregory.net/rapid/...", only: []string{}, why: "it is for tests"},
		{imports: "github.com/chromedp/...", only: []string{}, why: "it is for tests"},
		{imports: "github.com/compose-spec/compose-go/...", only: []string{}, why: "exports are written as text, and read by it in tests"},
		{imports: "github.com/santhosh-tekuri/jsonschema/...", only: []string{}, why: "it is for tests"},
		{imports: "go.yaml.in/yaml/...", only: []string{}, why: "it is for tests"},
		{imports: "github.com/rogpeppe/go-internal/...", only: []string{}, why: "it is for tests"},

		// Pure packages.
		{imports: "net/...", not: pure, why: "what decides and what encodes acts on nothing"},
		{imports: "os/...", not: pure, why: "what decides and what encodes acts on nothing"},
		{imports: "syscall/...", not: pure, why: "what decides and what encodes acts on nothing"},
		{imports: "internal/clock", not: pure, why: "pure packages are told the time"},
		{imports: "internal/crash", not: pure, why: "who acts dies; what decides has done nothing yet"},
		{imports: "internal/eventlog", not: pure, why: "who acts logs; what decides returns what to log"},

		// Who does not know whom.
		{imports: "ls/...", not: []string{"client", "ts/..."}, why: "clients and terminal servers know the protocol, not the license server"},
		{imports: "ls/clearinghouse/...", not: []string{"ls", "ls/store", "ls/policy", "ls/keypack"}, why: "license server and clearinghouse meet in wire/enroll"},
		{imports: "ls", not: []string{"ls/clearinghouse/..."}, why: "license server and clearinghouse meet in wire/enroll"},
		{imports: "ls/store", not: []string{"ls/clearinghouse/..."}, why: "license server and clearinghouse meet in wire/enroll"},
		{imports: "ts", only: []string{"internal/onebox", "cmd/termsrv", "cmd/tscc", "cmd/tslab"}, why: "a lab runs the programs as a user would"},
		{imports: "ls", only: []string{"internal/onebox", "cmd/lserver", "cmd/licmgr"}, why: "a lab runs the programs as a user would"},
		{imports: "client", only: []string{"cmd/tsclient", "internal/interop", "internal/bench", "internal/e2e"}, why: "a lab runs the programs as a user would"},
		{imports: "internal/onebox", only: []string{"cmd/tslab", "internal/interop", "internal/bench", "internal/e2e"}, why: "everything in one process is for tslab serve and for tests"},
		{imports: "internal/harness", only: []string{"internal/e2e", "internal/interop", "internal/bench"}, why: "it is for tests"},
		{imports: "captures", only: []string{"cmd/tslab"}, why: "the captures are large; tests and tslab look at them"},
		{imports: "plugin", not: []string{"..."}, why: "programs are static"},
		{imports: "C", not: []string{"..."}, why: "programs are static"},
		{imports: "math/rand", not: []string{"..."}, why: "crypto/rand for secrets, math/rand/v2 for the rest"},
	}
)

// matches reports whether path is pattern, or lies under a pattern that ends in /...
func matches(pattern, path string) bool {
	if pattern == "..." {
		return true
	}
	if base, ok := strings.CutSuffix(pattern, "/..."); ok {
		return path == base || strings.HasPrefix(path, base+"/")
	}
	return pattern == path
}

func matchesAny(patterns []string, path string) bool {
	for _, p := range patterns {
		if matches(p, path) {
			return true
		}
	}
	return false
}

// forbids returns whether the rule forbids pkg to import path. A package may always
// import what lies in its own rule: discovery may import discovery.
func (r rule) forbids(pkg, path string) bool {
	if !matches(r.imports, path) {
		return false
	}
	if r.only != nil {
		return !matchesAny(r.only, pkg)
	}
	return matchesAny(r.not, pkg)
}
