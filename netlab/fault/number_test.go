package fault

import "testing"

// Every message that travels in datagrams has its port and number, and is found by them.
func TestDatagram(t *testing.T) {
	found := 0
	for _, name := range MessageNames() {
		port, number, ok := Datagram(name)
		if ok != datagram(name) {
			t.Errorf("Datagram(%s) = %v", name, ok)
		}
		if !ok {
			continue
		}
		found++
		content := []byte{'L', 'A', 'B', '?', 1, byte(number)}
		names := locateIn(content)
		if port == dnsPort {
			content = []byte{0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 'a', 0, byte(number >> 8), byte(number), 0, 1}
			names = dnsIn(content)
		}
		if len(names) != 1 || names[0] != name {
			t.Errorf("%s is port %d, number %d, and that is %q", name, port, number, names)
		}
	}
	if want := len(locateNames) + len(dnsTypes); found != want {
		t.Errorf("%d messages in datagrams, want %d", found, want)
	}
	for _, name := range []string{"NEW_LICENSE", "tsls.Allocate", "locate.Nothing", "dns.NOTHING", ""} {
		if _, _, ok := Datagram(name); ok {
			t.Errorf("Datagram(%q)", name)
		}
	}
}
