//go:build linux

package netlab

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/tslab/tslab/internal/durable"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/netlab/capture"
)

// messagesName is the file of the messages that a run's capture holds.
const messagesName = "messages.json"

// detailed is how many messages of a run keep their fields; a swarm of a thousand
// devices sends more than anybody opens one by one, and Wireshark has them all.
const detailed = 2000

// Message is a message of one of the lab's protocols as messages.json keeps it.
type Message struct {
	Frame    int             `json:"frame"` // in the capture
	Machine  time.Time       `json:"machine"`
	Lab      time.Time       `json:"lab"`
	From     string          `json:"from"` // host, or address of nobody's
	To       string          `json:"to"`
	Protocol string          `json:"protocol"` // "rdpele", "tsls"
	Name     string          `json:"name"`     // "NEW_LICENSE", "Allocate"
	Security string          `json:"security"`
	Text     string          `json:"text"` // in plain words
	Fields   []capture.Field `json:"fields,omitempty"`
}

// Tale is all that the folder of a run that has ended tells of it.
type Tale struct {
	Record   *Record
	Events   []eventlog.Event // of all programs, in the order of the machine's time
	Messages []Message        // in the order of the machine's time
}

// ReadTale reads the folder of a run that has ended.
func ReadTale(folder string) (*Tale, error) {
	r, err := readRecord(folder)
	if err != nil {
		return nil, err
	}
	if r.Verdict == Running {
		return nil, fmt.Errorf("%s: the run has not ended, or was killed: `tslab capture finish %s` settles the latter", folder, folder)
	}
	t := &Tale{Record: r}
	if t.Events, _, err = allEvents(folder); err != nil {
		return nil, err
	}
	b, err := os.ReadFile(filepath.Join(folder, messagesName))
	if errors.Is(err, fs.ErrNotExist) { // the lab did not come up
		return t, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(b, &t.Messages); err != nil {
		return nil, fmt.Errorf("%s: %s: %w", folder, messagesName, err)
	}
	return t, nil
}

// writeMessages keeps what was read out of the capture.
func (r *Record) writeMessages(folder string, told []capture.Message, events []eventlog.Event) error {
	names := r.names()
	host := func(a netip.AddrPort) string {
		if name, ok := names[a.Addr()]; ok {
			return name
		}
		return a.Addr().String()
	}
	date := calendar(events)
	all := make([]Message, len(told))
	for i, m := range told {
		all[i] = Message{Frame: m.Frame, Machine: m.Time.UTC(), Lab: date(m.Time), From: host(m.From), To: host(m.To),
			Protocol: m.Protocol, Name: m.Name, Security: m.Security, Text: m.Text}
		if i < detailed {
			all[i].Fields = m.Fields()
		}
	}
	b, err := json.Marshal(all)
	if err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(folder, messagesName), append(b, '\n'), 0o600) // as private as the capture
}

// names are the hosts by their addresses.
func (r *Record) names() map[netip.Addr]string {
	names := map[netip.Addr]string{}
	for _, h := range r.Hosts {
		for _, c := range h.Cables {
			for _, address := range c.Senders() {
				names[address] = h.Name
			}
		}
	}
	return names
}

// calendar tells the lab's date of the machine's, by the events of hosts whose
// calendar was never off.
func calendar(events []eventlog.Event) func(machine time.Time) time.Time {
	off := map[string]bool{}
	for _, e := range events {
		if e.Name == eventlog.ClockSkewed.Name {
			off[e.Fields["target"]] = true
		}
	}
	events = slices.DeleteFunc(slices.Clone(events), func(e eventlog.Event) bool { return off[e.Host] })
	return func(machine time.Time) time.Time {
		i, _ := slices.BinarySearchFunc(events, machine, func(e eventlog.Event, t time.Time) int { return e.Machine.Compare(t) })
		if len(events) == 0 {
			return machine.UTC()
		}
		near := events[max(i-1, 0)]
		return machine.Add(near.Lab.Sub(near.Machine)).UTC()
	}
}
