package policy_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/ls/inventory"
	"github.com/tslab/tslab/ls/policy"
	"github.com/tslab/tslab/wire/token"
	"github.com/tslab/tslab/wire/tsls"
)

var w2k, w2k3 = token.Version{Major: 5}, token.Version{Major: 5, Minor: 2}

// believed is a license server with so many CALs of a version.
func believed(name, of, scope string, product token.Version, free uint32) inventory.Belief {
	return inventory.Belief{Entry: inventory.Entry{Owner: name, Name: name, Address: name + ":3343", Edition: of, Scope: scope, Activated: true,
		Pools: []inventory.Pool{{Kind: token.CAL, Product: product, Total: 99, Free: free}}}}
}

func TestReferrals(t *testing.T) {
	plain := func(name string, free uint32) inventory.Belief { return believed(name, "w2k-sp3", "domain", w2k, free) }
	change := func(b inventory.Belief, f func(*inventory.Belief)) inventory.Belief {
		f(&b)
		return b
	}
	for name, tt := range map[string]struct {
		beliefs []inventory.Belief
		edition string
		failed  []string
		want    []string
	}{
		"nobody":                      {nil, "w2k-sp3", nil, nil},
		"most, then name":             {[]inventory.Belief{plain("c", 2), plain("b", 2), plain("a", 1), plain("d", 9)}, "w2k-sp3", nil, []string{"d", "b", "c", "a"}},
		"enterprise first":            {[]inventory.Belief{plain("a", 9), believed("e", "w2k-sp3", "enterprise", w2k, 1)}, "w2k-sp3", nil, []string{"e", "a"}},
		"empty ones are left out":     {[]inventory.Belief{plain("a", 0), plain("b", 1)}, "w2k-sp3", nil, []string{"b"}},
		"doubted ones are left out":   {[]inventory.Belief{change(plain("a", 9), func(b *inventory.Belief) { b.Doubted = true }), plain("b", 1)}, "w2k-sp3", nil, []string{"b"}},
		"who is not activated":        {[]inventory.Belief{change(plain("a", 9), func(b *inventory.Belief) { b.Activated = false })}, "w2k-sp3", nil, nil},
		"who has no address":          {[]inventory.Belief{change(plain("a", 9), func(b *inventory.Belief) { b.Address = "" })}, "w2k-sp3", nil, nil},
		"who was asked":               {[]inventory.Belief{plain("A", 9), plain("b", 1)}, "w2k-sp3", []string{"a"}, []string{"b"}},
		"a 2003 terminal server":      {[]inventory.Belief{plain("a", 9), believed("b", "ws2003", "domain", w2k3, 1)}, "ws2003", nil, []string{"b"}},
		"2003 CALs for a w2k one":     {[]inventory.Belief{believed("b", "ws2003", "domain", w2k3, 1)}, "w2k-rtm", nil, []string{"b"}},
		"w2k CALs of a 2003 server":   {[]inventory.Belief{believed("b", "ws2003", "domain", w2k, 1)}, "w2k-rtm", nil, []string{"b"}},
		"w2k CALs for a 2003 one":     {[]inventory.Belief{believed("b", "ws2003", "domain", w2k, 1)}, "ws2003", nil, nil},
		"an edition of the future":    {[]inventory.Belief{believed("b", "ws2008", "domain", w2k, 1)}, "w2k-sp3", nil, nil},
		"a terminal server of before": {[]inventory.Belief{plain("a", 9)}, "nt4-tse", nil, nil},
		"other kinds of licenses": {[]inventory.Belief{change(plain("a", 9), func(b *inventory.Belief) {
			b.Pools = []inventory.Pool{{Kind: token.InternetConnector, Product: w2k, Total: 5, Free: 5}}
		})}, "w2k-sp3", nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, b := range policy.Referrals(tt.beliefs, tsls.Allocate{Edition: tt.edition, Failed: tt.failed}) {
				got = append(got, b.Name)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// TestReferralsAreBounded: an answer carries so many.
func TestReferralsAreBounded(t *testing.T) {
	var beliefs []inventory.Belief
	for i := range 100 {
		beliefs = append(beliefs, believed(fmt.Sprint(i), "w2k-sp3", "domain", w2k, 1))
	}
	if got := policy.Referrals(beliefs, tsls.Allocate{Edition: "w2k-sp3"}); len(got) != tsls.MaxReferrals {
		t.Errorf("%d referrals", len(got))
	}
}

// TestReferredRequests is L21 and what a target decides otherwise: never a temporary
// token, never another referral.
func TestReferredRequests(t *testing.T) {
	both := tsls.FeatureMark | tsls.FeatureExpiry
	for name, tt := range map[string]struct {
		p     edition.Profile
		req   tsls.Allocate
		state policy.State
		want  tsls.Answer
		rule  string
	}{
		"empty":                   {edition.W2KSP3(), tsls.Allocate{Request: tsls.RequestCAL, Presented: tsls.ClassTemporary, Validated: true}, policy.State{Activated: true, Peer: true}, tsls.AnswerDenyEmpty, "L21"},
		"empty, bare":             {edition.W2K(), tsls.Allocate{Request: tsls.RequestCAL}, policy.State{Activated: true, Peer: true}, tsls.AnswerDenyEmpty, "L21"},
		"empty, temp":             {edition.W2K(), tsls.Allocate{Request: tsls.RequestCAL}, policy.State{Activated: true, Row: policy.RowTemp}, tsls.AnswerDenyEmpty, "L21"},
		"not activated":           {edition.W2KSP3(), tsls.Allocate{Request: tsls.RequestCAL, Presented: tsls.ClassTemporary, Validated: true}, policy.State{Free: true}, tsls.AnswerDenyEmpty, "L21"},
		"stock":                   {edition.W2KSP3(), tsls.Allocate{Request: tsls.RequestCAL, Presented: tsls.ClassTemporary, Validated: true}, policy.State{Activated: true, Free: true}, tsls.AnswerCALTake, "L4"},
		"own":                     {edition.W2KSP3(), tsls.Allocate{Request: tsls.RequestCAL, Presented: tsls.ClassTemporary, Validated: true}, policy.State{Activated: true, Row: policy.RowCAL}, tsls.AnswerCALOwn, "L3"},
		"renewal":                 {edition.W2KSP3(), tsls.Allocate{Request: tsls.RequestRenew, Presented: tsls.ClassPermNear}, policy.State{Activated: true, Free: true}, tsls.AnswerCALTake, "L13"},
		"renewal, own":            {edition.W2KSP3(), tsls.Allocate{Request: tsls.RequestRenew, Presented: tsls.ClassPermNear}, policy.State{Activated: true, Row: policy.RowCAL}, tsls.AnswerCALRenew, "L12"},
		"renewal, empty":          {edition.W2KSP3(), tsls.Allocate{Request: tsls.RequestRenew, Presented: tsls.ClassPermNear}, policy.State{Activated: true, Peer: true}, tsls.AnswerDenyEmpty, "L21"},
		"a temp asked for, stock": {edition.W2KSP3(), tsls.Allocate{Request: tsls.RequestTemp}, policy.State{Activated: true, Free: true}, tsls.AnswerCALTake, "L4a"},
		"built-in":                {edition.W2K(), tsls.Allocate{Request: tsls.RequestBuiltIn}, policy.State{Activated: true}, tsls.AnswerBuiltIn, "L9"},
		"by default server":       {edition.W2K(), tsls.Allocate{Request: tsls.RequestCAL, ViaDefault: true}, policy.State{Activated: true}, tsls.AnswerDenyEmpty, "L21"},
	} {
		tt.req.Hops, tt.req.Edition = 1, tt.p.Edition.String()
		d := policy.Decide(tt.req, tt.state, &tt.p, both)
		if d.Answer != tt.want || d.Rule != tt.rule {
			t.Errorf("%s: %s %v, want %s %v", name, d.Rule, d.Answer, tt.rule, tt.want)
		}
	}
}

// TestMarked: a row here counts; without one its issuer's word, and without that the
// token has been shown twice.
func TestMarked(t *testing.T) {
	for _, tt := range []struct {
		row, marked bool
		issuer      policy.Word
		want        bool
	}{
		{true, true, policy.SaysNot, true},
		{true, false, policy.SaysValidated, false},
		{true, false, policy.NoWord, false},
		{false, false, policy.SaysValidated, true},
		{false, false, policy.SaysNot, false},
		{false, true, policy.SaysNot, false},
		{false, false, policy.NoWord, true},
	} {
		if got := policy.Marked(tt.row, tt.marked, tt.issuer); got != tt.want {
			t.Errorf("%+v: %v", tt, got)
		}
	}
}

func TestInquires(t *testing.T) {
	p, rtm := edition.W2KSP3(), edition.W2K()
	lax := edition.W2KSP3()
	lax.UpgradeNeedsValidated = false
	server2003 := edition.WS2003()
	cal := tsls.Allocate{Request: tsls.RequestCAL, Presented: tsls.ClassTemporary, Edition: "w2k-sp3"}
	with := func(f func(*tsls.Allocate)) tsls.Allocate {
		m := cal
		f(&m)
		return m
	}
	mark := tsls.FeatureMark
	for name, tt := range map[string]struct {
		req  tsls.Allocate
		p    *edition.Profile
		f    tsls.Features
		want bool
	}{
		"an upgrade":            {cal, &p, mark, true},
		"without marks":         {cal, &p, 0, false},
		"a knob":                {cal, &lax, mark, false},
		"w2k":                   {cal, &rtm, mark, false},
		"vouched for":           {with(func(m *tsls.Allocate) { m.Validated = true }), &p, mark, false},
		"expired":               {with(func(m *tsls.Allocate) { m.Presented = tsls.ClassTemporaryExpired }), &p, mark, false},
		"a built-in":            {with(func(m *tsls.Allocate) { m.Request = tsls.RequestBuiltIn }), &p, mark, false},
		"no built-ins for 2003": {with(func(m *tsls.Allocate) { m.Request, m.Edition = tsls.RequestBuiltIn, "ws2003" }), &server2003, mark, true},
		"a temporary one":       {with(func(m *tsls.Allocate) { m.Request = tsls.RequestTemp }), &p, mark, false},
	} {
		if got := policy.Inquires(tt.req, tt.p, tt.f); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
