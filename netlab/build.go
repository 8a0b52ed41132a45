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
	"sync"

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
	if err := l.buildHosts(); err != nil {
		return err
	}
	ports, err := l.connect(bridges)
	if err != nil {
		return err
	}
	if err := l.openLinks(ports); err != nil {
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

// buildHosts makes the hosts, as many at once as there are processors.
func (l *Lab) buildHosts() error {
	etc := netns.Etc{Hosts: filepath.Join(l.Folder, "etc", "hosts"), ResolvConf: filepath.Join(l.Folder, "etc", "resolv.conf")}
	const noResolver = "# This lab has no name server; its hosts stand in /etc/hosts.\n"
	err := errors.Join(os.Mkdir(filepath.Dir(etc.Hosts), 0o755),
		os.WriteFile(etc.Hosts, []byte(l.spec.hostsFile("")), 0o644), os.WriteFile(etc.ResolvConf, []byte(noResolver), 0o644))
	if err != nil {
		return err
	}
	var g errgroup.Group
	g.SetLimit(runtime.NumCPU())
	var mu sync.Mutex
	for _, spec := range l.spec.Hosts {
		g.Go(func() error {
			etc := etc
			etc.Hostname = l.etcFile(spec.Name, "hostname")
			err := os.WriteFile(etc.Hostname, []byte(spec.Name+"\n"), 0o644)
			if err == nil {
				err = l.ownNames(&etc, spec)
			}
			if err != nil {
				return err
			}
			ns, err := netns.NewHost(spec.Name, etc)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			l.hosts[spec.Name] = &host{Host: ns, spec: spec}
			return nil
		})
	}
	return g.Wait()
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

// connect lays the cables and returns their ports in the switch, in order.
func (l *Lab) connect(bridges map[string]string) ([]string, error) {
	var ports []string
	for index, spec := range l.spec.Hosts {
		for i, c := range spec.Cables {
			n, _ := l.spec.Net(c.Net)
			port := l.sw.Name("p", index, i)
			err := l.sw.Connect(l.hosts[spec.Name].Host, netns.Cable{
				Bridge: bridges[c.Net], Port: port, Interface: c.Interface, MAC: c.MAC(),
				Address: netip.PrefixFrom(c.Address, n.Prefix.Bits()), Address6: netip.PrefixFrom(c.Address6, n.Prefix6.Bits()), LinkLocal: c.LinkLocal(),
			})
			if err != nil {
				return nil, err
			}
			ports = append(ports, port)
		}
	}
	return ports, nil
}

// openLinks starts recording at the ports, which are in the order of the cables. All
// at once: opening a packet socket waits for the kernel twice, and they wait together.
func (l *Lab) openLinks(ports []string) error {
	ring := min(max(ringBudget/max(len(ports), 1), minRing), maxRing)
	backlog := capture.NewBacklog(backlogBudget)
	var g errgroup.Group
	for _, spec := range l.spec.Hosts {
		h := l.hosts[spec.Name]
		h.links = make([]*capture.Link, len(spec.Cables))
		for i, c := range spec.Cables {
			port := ports[0]
			ports = ports[1:]
			g.Go(func() (err error) {
				path := recordingPath(l.Folder, spec.Name, c.Interface)
				h.links[i], err = capture.Open(spec.Name+":"+c.Interface, port, path, ring, backlog, func(frame []byte) error {
					return h.SendFrame(c.Interface, frame)
				})
				return err
			})
		}
	}
	return g.Wait()
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
