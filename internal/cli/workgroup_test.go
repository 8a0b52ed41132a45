package cli_test

import (
	"net"
	"testing"

	"github.com/tslab/tslab/internal/cli"
)

func TestLocalOnly(t *testing.T) {
	for addr, want := range map[string]bool{
		"127.0.0.1:3343": true, "[::1]:3343": true, "127.9.9.9:1": true, "0.0.0.0:3343": false, "[::]:3343": false, "192.0.2.7:3343": false,
	} {
		a, err := net.ResolveTCPAddr("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		if got := cli.LocalOnly(a); got != want {
			t.Errorf("%s: %v", addr, got)
		}
	}
	if cli.LocalOnly(&net.UnixAddr{Name: "/x"}) {
		t.Error("a socket of the file system is on the loopback")
	}
}
