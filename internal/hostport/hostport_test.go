package hostport_test

import (
	"strings"
	"testing"

	"github.com/tslab/tslab/internal/hostport"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"LS1": "LS1:3343", "ls1.example": "ls1.example:3343", "192.0.2.7": "192.0.2.7:3343", "ls1:99": "ls1:99",
		"::1": "[::1]:3343", "[::1]": "[::1]:3343", "[::1]:99": "[::1]:99", "fe80::1%eth0": "[fe80::1%eth0]:3343",
	} {
		if got, err := hostport.Parse(text, "3343"); err != nil || got != want {
			t.Errorf("%q is %q, %v; want %q", text, got, err, want)
		}
	}
	for _, text := range []string{"", ":99", "a:b:c", "a:", "a:b", "a:0", "a:65536", "a:-1", "http://a", "a b", "a,b", "me@a", "[a", "[::1", "1:2:3"} {
		got, err := hostport.Parse(text, "3343")
		if err == nil || !strings.Contains(err.Error(), "want a name or an address") {
			t.Errorf("%q is %q, %v", text, got, err)
		}
	}
}
