package client

import (
	"testing"

	"github.com/tslab/tslab/wire/licensing"
)

// TestEveryReasonHasItsWords covers all that a server can say of licensing.
func TestEveryReasonHasItsWords(t *testing.T) {
	seen := map[string]bool{}
	add := func(text string, ok bool) {
		if !ok || text == "" || seen[text] {
			t.Errorf("%q says nothing of its own", text)
		}
		seen[text] = true
	}
	for code := uint32(0x100); code <= 0x10A; code++ {
		text, ok := licensingErrorInfo(code)
		add(text, ok)
	}
	for _, code := range []licensing.Code{licensing.NoLicenseServer, licensing.InvalidClient, licensing.InvalidMAC,
		licensing.InvalidScope, licensing.InvalidProductID, licensing.InvalidMessageLength, 99} {
		add(refusalText(code), true)
	}
	for _, code := range []uint32{0, 0x0C, 0xFF, 0x10B} {
		if text, ok := licensingErrorInfo(code); ok {
			t.Errorf("0x%X is taken for licensing: %s", code, text)
		}
	}
}
