//go:build linux

package netlab

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/netlab/capture"
)

// rawFolder holds the recordings of the cables while a lab runs.
const rawFolder = "raw"

func recordingPath(folder, host, ifname string) string {
	return filepath.Join(folder, rawFolder, host+"-"+ifname+".pcap")
}

// recordings are those that the folder of a run holds.
func (r *Record) recordings(folder string) []capture.Recording {
	var all []capture.Recording
	for _, h := range r.Hosts {
		for _, c := range h.Cables {
			name, path := h.Name+":"+c.Interface, recordingPath(folder, h.Name, c.Interface)
			if _, err := os.Stat(path); err != nil { // the lab did not come up
				continue
			}
			all = append(all, capture.Recording{
				Name: name, Path: path, Stats: r.Links[name],
				Description: fmt.Sprintf("%s on net %s, %v, %v", h.Name, c.Net, c.Addresses()[0], c.MAC()),
			})
		}
	}
	return all
}

// rdpPort is where Wireshark takes for granted that a conversation is plain RDP.
const rdpPort = 3389

// scan notes what the record says about the packets: when the first one was sent, and
// what Wireshark must be told to read them all as long as it does not know the lab's
// protocols (`tslab wireshark install`).
func (r *Record) scan(recordings []capture.Recording) error {
	decoder := capture.NewDecoder()
	sealed := false
	for _, rec := range recordings {
		err := capture.Frames(rec.Path, func(f *capture.Frame) error {
			if first := r.FirstPacket; first.IsZero() || f.Time.Before(first) {
				r.FirstPacket = f.Time
			}
			p := decoder.Decode(rec.Name, f)
			sealed = sealed || p.TLS && p.To.Port() == rdpPort
			return nil
		})
		if err != nil {
			return err
		}
	}
	r.Wireshark = []string{}
	if sealed {
		r.Wireshark = append(r.Wireshark, "-d", fmt.Sprintf("tcp.port==%d,tls", rdpPort))
	}
	return nil
}

// assemble writes the capture and removes the recordings that it is made from.
func (r *Record) assemble(folder string, recordings []capture.Recording, events []eventlog.Event) error {
	secrets, err := keyLogs(folder)
	if err != nil {
		return err
	}
	a := capture.Assembly{
		Comment:    strings.TrimSpace(r.Drill + ": " + r.Title),
		Recordings: recordings, Secrets: secrets, Names: r.names(), Rows: rows(events),
	}
	path := filepath.Join(folder, CaptureName)
	f, err := os.OpenFile(path+".part", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600) // it holds secrets, as key logs do
	if err != nil {
		return err
	}
	told, err := a.Write(f, filepath.Join(folder, rawFolder))
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	r.pointOut(told)
	if err := errors.Join(os.Rename(path+".part", path), r.writeMessages(folder, told, events)); err != nil {
		return err
	}
	return os.RemoveAll(filepath.Join(folder, rawFolder))
}

// keyLogs is the key logs of all programs, one after the other.
func keyLogs(folder string) ([]byte, error) {
	paths, err := filepath.Glob(filepath.Join(folder, "hosts", "*", "*", keyLogName))
	if err != nil {
		return nil, err
	}
	var all bytes.Buffer
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
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
func rows(events []eventlog.Event) []capture.Row {
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
