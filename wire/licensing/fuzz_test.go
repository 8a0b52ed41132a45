package licensing_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tslab/tslab/wire/licensing"
)

// FuzzParse reaches every message and what they carry: what can be read is written
// and read again as the same.
func FuzzParse(f *testing.F) {
	for _, r := range table() {
		f.Add(unhex(f, r.hex))
	}
	for _, v := range vectors(f) {
		f.Add(v.bytes)
	}
	keys := testKeys(f, 7)
	f.Add(licensing.AppendNewLicenseInfo(nil, licensing.NewLicenseInfo{Scope: "s", License: []byte{1}}))
	f.Add(licensing.AppendResponseData(nil, licensing.ResponseData{Form: licensing.FormPadded, Challenge: testChallenge}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := licensing.Parse(b); err == nil {
			again, err := licensing.Parse(licensing.Append(nil, m, licensing.Version3))
			if err != nil {
				t.Fatalf("%v written and read again: %v", m.Type(), err)
			}
			if diff := cmp.Diff(m, again, cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("-first +again\n%s", diff)
			}
			open(m, keys)
		}
		if info, err := licensing.ParseNewLicenseInfo(b); err == nil {
			again, err := licensing.ParseNewLicenseInfo(licensing.AppendNewLicenseInfo(nil, info))
			if diff := cmp.Diff(info, again, cmpopts.EquateEmpty()); err != nil || diff != "" {
				t.Fatalf("%v, -first +again\n%s", err, diff)
			}
		}
		if d, err := licensing.ParseResponseData(b, testChallenge); err == nil && d.Form != licensing.FormEcho {
			again, err := licensing.ParseResponseData(licensing.AppendResponseData(nil, d), testChallenge)
			if diff := cmp.Diff(d, again, cmpopts.EquateEmpty()); err != nil || diff != "" {
				t.Fatalf("%v, -first +again\n%s", err, diff)
			}
		}
	})
}

// open opens what a message of the fuzzer hides, which must not panic.
func open(m licensing.Message, keys licensing.Keys) {
	switch m := m.(type) {
	case *licensing.LicenseInfo:
		_, _ = m.Open(keys)
	case *licensing.PlatformChallenge:
		_, _ = m.Open(keys)
	case *licensing.PlatformChallengeResponse:
		_, _, _ = m.Open(keys, testChallenge)
	case *licensing.NewLicense:
		_, _ = m.Open(keys)
	}
}

func BenchmarkParse(b *testing.B) {
	for _, r := range table() {
		whole := unhex(b, r.hex)
		b.Run(r.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := licensing.Parse(whole); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
