//go:build unix

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tslab/tslab/internal/control"
	"github.com/tslab/tslab/internal/identity"
	"github.com/tslab/tslab/ls"
	"github.com/tslab/tslab/ls/gossip"
	"github.com/tslab/tslab/wire/enroll"
)

// TestDefaultScope: the scope is the domain, or the workgroup where there is none,
// unless the command line says otherwise.
//
// proves R157
func TestDefaultScope(t *testing.T) {
	for _, tt := range []struct{ flag, domain, want string }{
		{"", "", "workgroup"}, {"", "corp.example", "domain"},
		{"enterprise", "corp.example", "enterprise"}, {"domain", "", "domain"},
		{"workgroup", "corp.example", ""}, {"world", "", ""}, {"Domain", "", ""},
	} {
		o := options{scope: tt.flag}
		o.domain.Name = tt.domain
		err := o.checkScope()
		if (err == nil) != (tt.want != "") || err == nil && o.scope != tt.want {
			t.Errorf("--scope %q in domain %q: %q, %v; want %q", tt.flag, tt.domain, o.scope, err, tt.want)
		}
	}
}

// TestWhoShares: the inventory is shared in the workgroup, in the domain, or, in the
// enterprise scope, in the site, across domains. No two of those mix.
//
// proves R158
func TestWhoShares(t *testing.T) {
	member := func(domain, site string) *identity.Membership {
		m := &identity.Membership{Member: enroll.Member{Domain: domain}, Site: site}
		copy(m.GossipKey[:], "gossip of "+domain)
		if site != "" {
			copy(m.SiteKey[:], "site "+site)
		}
		return m
	}
	group := func(enterprise bool, m *identity.Membership) gossip.Scope {
		s, _ := scopeOf("OFFICE", enterprise, m)
		return s
	}
	x, y := member("x.example", "oslo"), member("y.example", "oslo")
	if group(true, x) != group(true, y) || group(true, x).Label != "site/oslo" {
		t.Error("the enterprise license servers of a site do not share across domains")
	}
	if group(false, x) != group(false, member("x.example", "bergen")) || group(false, x).Label != "domain/x.example" {
		t.Error("the license servers of a domain do not share across sites")
	}
	if group(true, member("x.example", "")) != group(false, member("x.example", "")) {
		t.Error("without a site an enterprise license server is not one of its domain")
	}
	seen := map[gossip.Scope]bool{}
	keys := map[[32]byte]bool{}
	all := []gossip.Scope{group(true, nil), group(false, x), group(false, y), group(true, x), group(true, member("x.example", "bergen"))}
	for _, s := range all {
		seen[s], keys[s.Key] = true, true
	}
	if len(seen) != len(all) || len(keys) != len(all) {
		t.Errorf("%d groups with %d keys, want %d that never mix", len(seen), len(keys), len(all))
	}
}

// TestChangeScope: the scope is chosen at the installation, and can be changed
// afterwards, at once and for good.
//
// proves R49
func TestChangeScope(t *testing.T) {
	dir := t.TempDir()
	p := start(t, dir, "--scope", "enterprise", "--gossip", "127.0.0.1:0")
	scope := func(want string, in any) {
		t.Helper()
		var answer struct{ Scope string }
		if err := control.Call(t.Context(), dir, "scope", in, &answer); err != nil || answer.Scope != want {
			t.Fatalf("scope %q, %v; want %q", answer.Scope, err, want)
		}
		var status ls.Status
		if err := control.Call(t.Context(), dir, "status", nil, &status); err != nil || status.Scope != want {
			t.Errorf("status says %q, %v; want %q", status.Scope, err, want)
		}
	}
	scope("enterprise", nil)
	scope("domain", "domain")
	scope("domain", "domain")
	scope("domain", nil)
	for _, bad := range []any{"world", 7} {
		if err := control.Call(t.Context(), dir, "scope", bad, nil); err == nil {
			t.Errorf("scope %v is taken", bad)
		}
	}
	p.stop()
	p = start(t, dir, "--scope", "enterprise")
	scope("domain", nil)
	p.stop()
	if err := os.WriteFile(filepath.Join(dir, scopeFile), []byte("world\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	said, err := lserver(t, "--state", dir, "--host", "ls1", "--listen", "127.0.0.1:0").CombinedOutput()
	if err == nil || !strings.Contains(string(said), "delete it, and --scope counts") {
		t.Errorf("a damaged scope: %v, %s", err, said)
	}
}
