// Package hostport reads the address of a server as people write it: a name or an
// address, with the number of a port after it or without.
package hostport

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

// Parse is HOST or HOST:PORT as [net.Dial] takes it, with the given port unless
// text says another. An address of IPv6 may stand in brackets, and must before a port.
func Parse(text, port string) (string, error) {
	bad := fmt.Errorf("%q: want a name or an address, such as LS1, ls1.example or 192.0.2.7, and a colon and the number of a port after it unless that is %s", text, port)
	host, own, err := net.SplitHostPort(text)
	if err == nil {
		port = own
	} else if host = text; strings.HasPrefix(text, "[") && strings.HasSuffix(text, "]") {
		host = text[1 : len(text)-1]
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", bad
	}
	if host == "" || strings.ContainsAny(host, "[]/@,; \t") || strings.Contains(host, ":") && !ipv6(host) {
		return "", bad
	}
	return net.JoinHostPort(host, port), nil
}

// ipv6 reports an address, which may name its interface: fe80::1%eth0.
func ipv6(host string) bool {
	address, _, _ := strings.Cut(host, "%")
	return net.ParseIP(address) != nil
}
