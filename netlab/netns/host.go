//go:build linux

package netns

import (
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"sync"
	"syscall"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Host is a machine of the lab: a network, a mount and a UTS namespace, held by one
// thread of this process. It ends with Close, or with the process.
type Host struct {
	Name string

	calls  chan call
	quit   chan struct{} // closed by Close
	gone   chan struct{} // closed when the thread has left
	close  sync.Once
	errs   []error         // of leaving
	net    netns.NsHandle  // its network namespace
	handle *netlink.Handle // a socket in it
	raw    int             // a packet socket in it that receives nothing; -1 without
	ipv6   int             // what turns IPv6 off in it; -1 without
}

// hostNamespaces are what a host has for itself.
const hostNamespaces = unix.CLONE_NEWNET | unix.CLONE_NEWNS | unix.CLONE_NEWUTS

type call struct {
	f    func() error
	done chan<- error
}

// NewHost makes a host with its loopback interface up.
func NewHost(name string, etc Etc) (*Host, error) {
	h, err := Found(name, etc)
	if err != nil {
		return nil, err
	}
	if err := h.Settle(); err != nil {
		h.Close()
		return nil, err
	}
	return h, nil
}

// Found makes a host that Settle has to be called for. Many can be founded at once.
func Found(name string, etc Etc) (*Host, error) {
	h := &Host{Name: name, calls: make(chan call), quit: make(chan struct{}), gone: make(chan struct{}), raw: -1, ipv6: -1, net: netns.None()}
	ready := make(chan error, 1)
	go h.live(etc, ready)
	if err := <-ready; err != nil {
		h.Close()
		return nil, fmt.Errorf("host %s: %w", name, err)
	}
	return h, nil
}

// live is the host's thread. It is locked and never unlocked, so that it ends with
// the goroutine: nobody may get a thread that is somewhere else.
func (h *Host) live(etc Etc, ready chan<- error) {
	runtime.LockOSThread()
	if unix.Gettid() == unix.Getpid() {
		// The main thread would keep the host's network for as long as the process is
		// there: Go never ends it. Held here, it leaves another thread to the host.
		defer runtime.UnlockOSThread()
		elsewhere := make(chan error, 1)
		go h.live(etc, elsewhere)
		ready <- <-elsewhere
		return
	}
	if err := unix.Unshare(hostNamespaces); err != nil {
		close(h.gone)
		ready <- explain(stepHost, err)
		return
	}
	defer h.leave()
	ready <- h.furnish(etc)
	for {
		select {
		case c := <-h.calls:
			c.done <- c.f()
		case <-h.quit:
			return
		}
	}
}

func (h *Host) furnish(etc Etc) error {
	if err := unix.Sethostname([]byte(h.Name)); err != nil {
		return fmt.Errorf("host name: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("private mounts: %w", err)
	}
	if err := etc.mount(); err != nil {
		return err
	}
	var err error
	if h.net, err = netns.Get(); err != nil {
		return fmt.Errorf("network namespace: %w", err)
	}
	if h.handle, err = netlink.NewHandle(unix.NETLINK_ROUTE); err != nil {
		return explain(stepNetlink, err)
	}
	if h.raw, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
		return explain(stepPacket, err)
	}
	h.ipv6 = openIPv6Switch()
	return nil
}

// Settle brings the loopback interface up. One host after the other does it faster than
// many at once: the kernel has one lock for all networks, and who finds it taken tries
// again and again.
func (h *Host) Settle() error {
	quietIPv6(h.ipv6)
	lo, err := h.index("lo")
	if err == nil {
		err = h.handle.LinkSetUp(&netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: lo}})
	}
	if err != nil {
		return fmt.Errorf("host %s: loopback: %w", h.Name, err)
	}
	return nil
}

// Do runs f on the host's thread and returns its error. Files and sockets that f
// opens are the host's wherever they are used later; goroutines that f starts are
// not in the host.
func (h *Host) Do(f func() error) error {
	done := make(chan error, 1)
	select {
	case h.calls <- call{f, done}:
		return <-done
	case <-h.quit:
		return fmt.Errorf("host %s is closed", h.Name)
	}
}

// Start starts cmd in the host, in a process group of its own or, with Setsid, in a
// session. The process is killed when the host is closed.
func (h *Host) Start(cmd *exec.Cmd) error {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = !cmd.SysProcAttr.Setsid
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	return h.Do(cmd.Start)
}

// SendFrame sends an Ethernet frame out of the host's interface with that name.
func (h *Host) SendFrame(ifname string, frame []byte) error {
	index, err := h.index(ifname)
	if err != nil {
		return fmt.Errorf("host %s: %s: %w", h.Name, ifname, err)
	}
	return unix.Sendto(h.raw, frame, 0, &unix.SockaddrLinklayer{Ifindex: index})
}

// index is the number of the interface in the host.
func (h *Host) index(ifname string) (int, error) {
	select {
	case <-h.quit:
		return 0, errors.New("the host is closed")
	default:
	}
	request, err := unix.NewIfreq(ifname)
	if err == nil {
		err = unix.IoctlIfreq(h.raw, unix.SIOCGIFINDEX, request)
	}
	if err != nil {
		return 0, err
	}
	return int(request.Uint32()), nil
}

// leave gives up all that holds the host's namespaces, and then the namespaces. It runs
// on the host's thread: the kernel lets each wait that does so, and so they wait together.
func (h *Host) leave() {
	defer close(h.gone)
	if h.handle != nil {
		h.handle.Close()
	}
	for _, fd := range []int{h.raw, h.ipv6} {
		if fd >= 0 {
			h.errs = append(h.errs, unix.Close(fd))
		}
	}
	if h.net.IsOpen() {
		h.errs = append(h.errs, h.net.Close())
	}
	// Going home only makes it sooner, and takes Linux 5.8: else they end with the thread.
	if home, err := unix.PidfdOpen(unix.Getpid(), 0); err == nil {
		_ = unix.Setns(home, hostNamespaces)
		h.errs = append(h.errs, unix.Close(home))
	}
}

// Close gives the host up and kills what Start started in it. Its namespaces live on
// as long as some other process in them does.
func (h *Host) Close() error {
	h.close.Do(func() { close(h.quit) })
	<-h.gone
	return errors.Join(h.errs...)
}
