//go:build linux

package netlab

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/tslab/tslab/internal/clock"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/netlab/capture"
	"github.com/tslab/tslab/netlab/netns"
)

func (l *Lab) build(ctx context.Context, o Options) error {
	if err := l.record.write(l.Folder); err != nil {
		return err
	}
	if err := l.prepareDomains(); err != nil {
		return err
	}
	path := filepath.Join(l.Folder, clockName)
	if err := clock.CreateLab(path, o.Start); err != nil {
		return err
	}
	var err error
	if l.Clock, err = clock.OpenLab(path); err != nil {
		return err
	}
	if l.journal, err = newJournal(o.Tell); err != nil {
		return err
	}
	go l.journal.run()
	events := filepath.Join(l.Folder, "lab.jsonl")
	if l.log, err = eventlog.Open(events, Name, "tslab", l.Clock, slog.New(slog.DiscardHandler)); err != nil {
		return err
	}
	if err := l.journal.follow(events); err != nil {
		return err
	}
	return l.buildNets(ctx)
}

func (l *Lab) buildNets(ctx context.Context) error {
	var err error
	if l.sw, err = netns.NewSwitch(); err != nil {
		return err
	}
	bridges := map[string]string{}
	for i, n := range l.spec.Nets {
		bridges[n.Name] = l.sw.Name("net", i)
		if err := l.sw.AddBridge(bridges[n.Name]); err != nil {
			return fmt.Errorf("net %s: %w", n.Name, err)
		}
	}
	if err := os.MkdirAll(filepath.Join(l.Folder, rawFolder), 0o755); err != nil {
		return err
	}
	ports, err := l.buildHosts(bridges)
	if err != nil {
		return err
	}
	if err := l.openEngine(bridges, ports); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, upTimeout)
	defer cancel()
	if err := l.sw.AwaitPorts(ctx, ports); err != nil {
		return err
	}
	for _, h := range l.spec.Hosts {
		var names []string
		for _, c := range h.Cables {
			names = append(names, c.Interface)
		}
		if err := l.hosts[h.Name].AwaitInterfaces(ctx, names); err != nil {
			return err
		}
	}
	return l.route()
}

// buildHosts makes the hosts, connects them in their order and starts recording, all at
// the same time: most of it is waiting for the kernel. It returns the ports of the
// cables, in order.
func (l *Lab) buildHosts(bridges map[string]string) (ports []string, err error) {
	hosts, err := l.foundHosts()
	if err != nil {
		return nil, err
	}
	recorders := l.newRecorders()
	for i, spec := range l.spec.Hosts {
		founded := <-hosts[i]
		if founded.err == nil { // it is the lab's also when others fail, to be given up
			l.hosts[spec.Name] = &host{Host: founded.host, spec: spec, links: make([]*capture.Link, len(spec.Cables))}
		}
		if err == nil {
			err = founded.err
		}
		if err == nil {
			err = founded.host.Settle()
		}
		for n := 0; n < len(spec.Cables) && err == nil; n++ {
			port := l.sw.Name("p", i, n)
			if err = l.connect(spec, n, bridges, port); err == nil {
				recorders.open(l.hosts[spec.Name], n, port)
				ports = append(ports, port)
			}
		}
	}
	return ports, errors.Join(err, recorders.Wait())
}

// founded is a host that has no network yet, or why there is none.
type founded struct {
	host *netns.Host
	err  error
}

// foundHosts begins to found the hosts, as many at once as there are processors.
func (l *Lab) foundHosts() ([]chan founded, error) {
	common := netns.Etc{Hosts: filepath.Join(l.Folder, "etc", "hosts"), ResolvConf: filepath.Join(l.Folder, "etc", "resolv.conf")}
	const noResolver = "# This lab has no name server; its hosts stand in /etc/hosts.\n"
	err := errors.Join(os.Mkdir(filepath.Dir(common.Hosts), 0o755),
		os.WriteFile(common.Hosts, []byte(l.spec.hostsFile("")), 0o644), os.WriteFile(common.ResolvConf, []byte(noResolver), 0o644))
	if err != nil {
		return nil, err
	}
	all := make([]chan founded, len(l.spec.Hosts))
	for i := range all {
		all[i] = make(chan founded, 1)
	}
	var next atomic.Int64
	for range runtime.NumCPU() {
		go func() {
			for i := next.Add(1) - 1; int(i) < len(all); i = next.Add(1) - 1 {
				host, err := l.foundHost(l.spec.Hosts[i], common)
				all[i] <- founded{host, err}
			}
		}()
	}
	return all, nil
}

func (l *Lab) foundHost(spec Host, etc netns.Etc) (*netns.Host, error) {
	if err := l.ownNames(&etc, spec); err != nil {
		return nil, err
	}
	return netns.Found(spec.Name, etc)
}

// etcFile is a file that a host has for itself. They lie together: to make a folder for
// each of hundreds of hosts takes as long as to make the hosts.
func (l *Lab) etcFile(hostName, name string) string {
	return filepath.Join(l.Folder, "etc", hostName+"-"+name)
}

// ownNames gives a host files of its own by which it finds names, where the common ones
// would not do.
func (l *Lab) ownNames(etc *netns.Etc, spec Host) error {
	own := l.etcFile(spec.Name, "hosts")
	switch {
	case spec.Domain != "":
		etc.Hosts, etc.ResolvConf = own, l.etcFile(spec.Name, "resolv.conf")
		return errors.Join(os.WriteFile(own, []byte(spec.ownHosts()), 0o644), os.WriteFile(etc.ResolvConf, []byte(l.spec.resolver(spec)), 0o644))
	case !l.spec.oneHostsFile():
		etc.Hosts = own
		return os.WriteFile(own, []byte(l.spec.hostsFile(spec.Name)), 0o644)
	}
	return nil
}

// connect lays the n-th cable of a host.
func (l *Lab) connect(spec Host, n int, bridges map[string]string, port string) error {
	c := spec.Cables[n]
	to, _ := l.spec.Net(c.Net)
	return l.sw.Connect(l.hosts[spec.Name].Host, netns.Cable{
		Bridge: bridges[c.Net], Port: port, Interface: c.Interface, MAC: c.MAC(),
		Address: netip.PrefixFrom(c.Address, to.Prefix.Bits()), Address6: netip.PrefixFrom(c.Address6, to.Prefix6.Bits()), LinkLocal: c.LinkLocal(),
	})
}

// recorders are being opened: each waits for the kernel, and they wait together.
type recorders struct {
	errgroup.Group
	folder  string
	ring    int // bytes of each
	backlog *capture.Backlog
}

func (l *Lab) newRecorders() *recorders {
	cables := 0
	for _, h := range l.spec.Hosts {
		cables += len(h.Cables)
	}
	return &recorders{folder: l.Folder, ring: min(max(ringBudget/max(cables, 1), minRing), maxRing), backlog: capture.NewBacklog(backlogBudget)}
}

// open begins to record the n-th cable of a host at its port.
func (r *recorders) open(h *host, n int, port string) {
	r.Go(func() (err error) {
		name := h.spec.Cables[n].Interface
		path := recordingPath(r.folder, h.spec.Name, name)
		h.links[n], err = capture.Open(h.spec.Name+":"+name, port, path, r.ring, r.backlog, func(frame []byte) error {
			return h.SendFrame(name, frame)
		})
		return err
	})
}

// route tells every host the way to the nets behind routers.
func (l *Lab) route() error {
	for _, spec := range l.spec.Hosts {
		h := l.hosts[spec.Name]
		if spec.Router {
			if err := h.Forward(); err != nil {
				return err
			}
		}
		for _, r := range l.spec.Routes(spec.Name) {
			if err := h.AddRoute(r.To, r.Via); err != nil {
				return err
			}
		}
	}
	return nil
}
