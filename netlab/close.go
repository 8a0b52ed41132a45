//go:build linux

package netlab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/tslab/tslab/netlab/capture"
)

// CaptureName is the assembled capture's name in the folder of the run.
const CaptureName = "lab.pcapng"

// Close ends every program, the last started first, assembles the capture, writes
// run.json and gives up the namespaces. It can be called again.
func (l *Lab) Close() error {
	l.closing.Do(func() { l.closeErr = l.close() })
	return l.closeErr
}

func (l *Lab) close() error {
	var errs []error
	for i := len(l.running) - 1; i >= 0; i-- {
		l.running[i].end(stopTimeout)
	}
	if l.journal != nil {
		l.journal.poll()
	}
	ctx, cancel := context.WithTimeout(context.Background(), syncTimeout)
	defer cancel()
	recordings, err := l.closeLinks(ctx)
	errs = append(errs, err)
	if len(recordings) > 0 {
		errs = append(errs, l.scan(recordings), l.assemble(recordings))
	}
	if l.journal != nil {
		l.record.count(l.journal)
		l.journal.close()
	}
	if l.Clock != nil {
		l.record.End = l.Clock.Now()
		errs = append(errs, l.Clock.Close())
	}
	if l.log != nil {
		errs = append(errs, l.log.Close())
	}
	l.record.finish()
	errs = append(errs, l.record.write(l.Folder), l.held.Close())
	for _, h := range l.hosts {
		errs = append(errs, h.Close())
	}
	if l.sw != nil {
		errs = append(errs, l.sw.Close())
	}
	return errors.Join(errs...)
}

// closeLinks ends all recordings, at once for the same reason as openLinks.
func (l *Lab) closeLinks(ctx context.Context) ([]capture.Recording, error) {
	var g errgroup.Group
	var mu sync.Mutex
	for _, h := range l.hosts {
		for _, link := range h.links {
			if link == nil { // the lab did not come up
				continue
			}
			g.Go(func() error {
				stats, err := link.Close(ctx)
				mu.Lock()
				defer mu.Unlock()
				l.record.Links[link.Name] = stats
				return err
			})
		}
	}
	err := g.Wait()
	var recordings []capture.Recording
	for _, spec := range l.spec.Hosts {
		for i, c := range spec.Cables {
			h, ok := l.hosts[spec.Name]
			if !ok || i >= len(h.links) || h.links[i] == nil {
				continue
			}
			recordings = append(recordings, capture.Recording{
				Name: h.links[i].Name, Path: h.links[i].Path, Stats: l.record.Links[h.links[i].Name],
				Description: fmt.Sprintf("%s on net %s, %v, %v", spec.Name, c.Net, c.Address, c.MAC()),
			})
		}
	}
	return recordings, err
}

// rdpPort is where Wireshark takes for granted that a conversation is plain RDP.
const rdpPort = 3389

// scan notes what the record says about the packets: when the first one was sent,
// and what Wireshark must be told to read them all.
func (l *Lab) scan(recordings []capture.Recording) error {
	decoder := capture.NewDecoder()
	sealed := false
	for _, r := range recordings {
		err := capture.Frames(r.Path, func(f *capture.Frame) error {
			if first := l.record.FirstPacket; first.IsZero() || f.Time.Before(first) {
				l.record.FirstPacket = f.Time
			}
			p := decoder.Decode(r.Name, f)
			sealed = sealed || p.TLS && p.To.Port() == rdpPort
			return nil
		})
		if err != nil {
			return err
		}
	}
	if sealed {
		l.record.Wireshark = append(l.record.Wireshark, "-d", fmt.Sprintf("tcp.port==%d,tls", rdpPort))
	}
	return nil
}

// assemble writes the capture and removes the recordings that it is made from.
func (l *Lab) assemble(recordings []capture.Recording) error {
	secrets, err := l.secrets()
	if err != nil {
		return err
	}
	a := capture.Assembly{
		Comment:    strings.TrimSpace(l.record.Drill + ": " + l.record.Title),
		Recordings: recordings, Secrets: secrets, Names: map[netip.Addr]string{}, Rows: l.rows(),
	}
	for _, h := range l.spec.Hosts {
		for _, c := range h.Cables {
			a.Names[c.Address] = h.Name
		}
	}
	f, err := os.Create(filepath.Join(l.Folder, CaptureName))
	if err != nil {
		return err
	}
	if err := errors.Join(a.Write(f, filepath.Join(l.Folder, "raw")), f.Close()); err != nil {
		return err
	}
	return os.RemoveAll(filepath.Join(l.Folder, "raw"))
}

// secrets is the TLS key logs of all programs, one after the other.
func (l *Lab) secrets() ([]byte, error) {
	paths, err := filepath.Glob(filepath.Join(l.Folder, "hosts", "*", "*", keyLogName))
	if err != nil {
		return nil, err
	}
	var all bytes.Buffer
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		all.Write(bytes.TrimRight(b, "\n"))
		if len(b) > 0 {
			all.WriteByte('\n')
		}
	}
	return all.Bytes(), nil
}

// rows are the events as they stand between the packets.
func (l *Lab) rows() []capture.Row {
	events, _ := l.journal.since(0)
	rows := make([]capture.Row, len(events))
	for i, e := range events {
		rows[i] = capture.Row{
			Time: e.Machine,
			Text: fmt.Sprintf("%s %s: %s", e.Lab.Format("2006-01-02 15:04:05"), e.Host, e.Text),
			Fields: map[string]string{
				"_HOSTNAME": e.Host, "SYSLOG_IDENTIFIER": e.Program, "TSLAB_EVENT": e.Name, "TSLAB_DATE": e.Lab.Format("2006-01-02T15:04:05Z"),
			},
		}
	}
	return rows
}
