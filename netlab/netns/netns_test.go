//go:build linux

package netns_test

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/netlab/netns"
)

// TestMain runs the tests inside the namespaces that they test.
func TestMain(m *testing.M) {
	if role := os.Getenv("NETNS_TEST_ROLE"); role != "" {
		playRole(role)
		return
	}
	os.Exit(netns.UserGround.Main(m.Run))
}

// playRole is what this test binary does as a program in a host.
func playRole(role string) {
	switch role {
	case "identity":
		name, _ := os.Hostname()
		hosts, _ := os.ReadFile("/etc/hosts")
		resolv, _ := os.ReadFile("/etc/resolv.conf")
		hostname, _ := os.ReadFile("/etc/hostname")
		fmt.Print(name, "|", string(hosts), "|", string(resolv), "|", string(hostname))
	case "interfaces":
		all, _ := net.Interfaces()
		for _, i := range all {
			addresses, _ := i.Addrs()
			fmt.Printf("%s %v %v %d;", i.Name, addresses, i.HardwareAddr, i.MTU)
		}
	}
}

// inHost runs this test binary in a role.
func inHost(t *testing.T, h *netns.Host, role string) string {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), "NETNS_TEST_ROLE="+role)
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := h.Start(cmd); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%s in %s: %v\n%s", role, h.Name, err, out.String())
	}
	return out.String()
}

// pair is two hosts on one bridge, reachable.
func pair(t *testing.T, bridge string) (*netns.Switch, *netns.Host, *netns.Host) {
	t.Helper()
	s, err := netns.NewSwitch()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if err := s.AddBridge(bridge); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var hosts [2]*netns.Host
	var ports []string
	for i := range hosts {
		name := fmt.Sprintf("h%d", i+1)
		hosts[i] = newHost(t, name)
		port := bridge + "-" + name
		ports = append(ports, port)
		err := s.Connect(hosts[i], netns.Cable{
			Bridge: bridge, Port: port, Interface: "eth0", MAC: net.HardwareAddr{2, 0, 0, 0, 0, byte(i + 1)},
			Address: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)}), 24),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := s.AwaitPorts(ctx, ports); err != nil {
		t.Fatal(err)
	}
	for _, h := range hosts {
		if err := h.AwaitInterfaces(ctx, []string{"eth0"}); err != nil {
			t.Fatal(err)
		}
	}
	return s, hosts[0], hosts[1]
}

// etc is files for a host.
func etc(t *testing.T) netns.Etc {
	t.Helper()
	dir := t.TempDir()
	e := netns.Etc{Hosts: filepath.Join(dir, "hosts"), ResolvConf: filepath.Join(dir, "resolv.conf")}
	for path, text := range map[string]string{
		e.Hosts: "127.0.0.1 localhost\n10.0.0.9 other\n", e.ResolvConf: "# none\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return e
}

func newHost(t *testing.T, name string) *netns.Host {
	t.Helper()
	h, err := netns.NewHost(name, etc(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

func TestHostHasItsOwnIdentity(t *testing.T) {
	before, _ := os.Hostname()
	h := newHost(t, "ts1")
	want := "ts1|127.0.0.1 localhost\n10.0.0.9 other\n|# none\n|ts1\n"
	if diff := cmp.Diff(want, inHost(t, h, "identity")); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if after, _ := os.Hostname(); after != before {
		t.Errorf("the lab's own host name became %q", after)
	}
	if hosts, _ := os.ReadFile("/etc/hosts"); strings.Contains(string(hosts), "10.0.0.9 other") {
		t.Error("the host's /etc/hosts shows outside of it")
	}
}

func TestHostSeesItsInterfaceAlone(t *testing.T) {
	_, h, _ := pair(t, "brif")
	want := "lo [127.0.0.1/8]  65536;eth0 [10.0.0.1/24] 02:00:00:00:00:01 1500;"
	if got := inHost(t, h, "interfaces"); got != want {
		t.Errorf("interfaces %q, want %q", got, want)
	}
}

// The first datagram after the lab is up must arrive: nothing is sent twice here.
func TestFirstDatagramArrives(t *testing.T) {
	for i := range 10 {
		_, a, b := pair(t, fmt.Sprintf("brfd%d", i))
		to := &net.UDPAddr{IP: net.IPv4(10, 0, 0, 2), Port: 7777}
		var in, out *net.UDPConn
		err := b.Do(func() (err error) { in, err = net.ListenUDP("udp4", to); return err })
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		if err := a.Do(func() (err error) { out, err = net.DialUDP("udp4", nil, to); return err }); err != nil {
			t.Fatal(err)
		}
		defer out.Close()
		start := time.Now()
		if _, err := out.Write([]byte("first")); err != nil {
			t.Fatal(err)
		}
		in.SetReadDeadline(start.Add(900 * time.Millisecond)) // ARP is tried again after a second
		buf := make([]byte, 16)
		if n, err := in.Read(buf); err != nil || string(buf[:n]) != "first" {
			t.Fatalf("lab %d: first datagram: %q, %v", i, buf[:n], err)
		}
	}
}

func TestStartedProgramDiesWithItsHost(t *testing.T) {
	h, err := netns.NewHost("brief", etc(t))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sleep", "1000")
	if err := h.Start(cmd); err != nil {
		t.Fatal(err)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil || err.Error() != "signal: killed" {
		t.Errorf("Wait = %v, want killed", err)
	}
}

// spaces are the network and mount namespaces in which threads of this process are.
func spaces(t *testing.T) map[string]int {
	t.Helper()
	links, err := filepath.Glob("/proc/self/task/*/ns/[mn]*t")
	if err != nil {
		t.Fatal(err)
	}
	in := map[string]int{}
	for _, link := range links {
		if space, err := os.Readlink(link); err == nil { // else the thread has just ended
			in[space]++
		}
	}
	return in
}

func interfaces(t *testing.T) (names []string) {
	t.Helper()
	all, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range all {
		names = append(names, i.Name)
	}
	return names
}

// When switch and hosts are closed, in any order, no thread is in their namespaces and no
// interface is left, also none that a splice has made.
func TestNothingIsLeftOfWhatIsClosed(t *testing.T) {
	before := spaces(t)
	for _, switchFirst := range []bool{true, false} {
		s, a, b := pair(t, "brgone")
		if _, err := s.Splice(t.Context(), "brgone-h1", "brgone"); err != nil {
			t.Fatal(err)
		}
		if n := len(spaces(t)); n != len(before)+2*2 { // of two hosts
			t.Fatalf("%d namespaces with two hosts, %d before", n, len(before))
		}
		if n := len(interfaces(t)); n < 1+1+2+2 { // loopback, bridge, ports, splice
			t.Fatalf("%d interfaces", n)
		}
		ends := []func() error{s.Close, a.Close, b.Close}
		if !switchFirst {
			slices.Reverse(ends)
		}
		for _, end := range ends {
			if err := end(); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(slices.Sorted(maps.Keys(before)), slices.Sorted(maps.Keys(spaces(t)))); diff != "" {
			t.Errorf("switch first: %v: namespaces before and after: -want +got\n%s", switchFirst, diff)
		}
		if left := interfaces(t); slices.ContainsFunc(left, func(name string) bool { return name != "lo" }) {
			t.Errorf("switch first: %v: interfaces %v are left", switchFirst, left)
		}
	}
}

func TestHostWithoutItsFiles(t *testing.T) {
	e := etc(t)
	e.Hosts += ".gone"
	if _, err := netns.NewHost("x", e); err == nil || !strings.Contains(err.Error(), "host x: mount "+e.Hosts+" over /etc/hosts") {
		t.Errorf("NewHost: %v", err)
	}
}

func TestEnterOnlyOnce(t *testing.T) {
	if _, err := netns.Enter(t.Context()); err == nil {
		t.Error("Enter succeeded a second time")
	}
}

func TestAwaitTellsWhatDoesNotComeUp(t *testing.T) {
	s, err := netns.NewSwitch()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err = s.AwaitPorts(ctx, []string{"nowhere"})
	if err == nil || !strings.Contains(err.Error(), "nowhere does not come up") {
		t.Errorf("AwaitPorts = %v", err)
	}
}
