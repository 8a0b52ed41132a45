package transport_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/tslab/tslab/internal/transport"
	"github.com/tslab/tslab/wire/tsls"
)

// TestIdleCostsNothing: neither end of a connection on which nothing is asked sends
// probes: the kernel has no timer for it (proc(5), /proc/net/tcp: 02 in the column tr is
// that of the keepalive).
func TestIdleCostsNothing(t *testing.T) {
	l := newLab(t, func(context.Context, transport.Peer, tsls.Message) tsls.Message { return tsls.ServerInfo{Name: "ls1"} }, transport.Limits{})
	conn := l.dial(t)
	defer conn.Close()
	if _, err := conn.Call(t.Context(), tsls.Ping{}); err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(l.addr)
	if err != nil {
		t.Fatal(err)
	}
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	var number int
	fmt.Sscan(port, &number)
	ends := 0
	for line := range strings.Lines(string(table)) {
		f := strings.Fields(line)
		if len(f) < 6 || f[3] != "01" || !strings.HasSuffix(f[1], fmt.Sprintf(":%04X", number)) && !strings.HasSuffix(f[2], fmt.Sprintf(":%04X", number)) {
			continue
		}
		ends++
		if strings.HasPrefix(f[5], "02:") {
			t.Errorf("a timer for probes: %s", line)
		}
	}
	if ends != 2 {
		t.Errorf("%d ends of the connection, want 2", ends)
	}
}
