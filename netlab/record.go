//go:build linux

package netlab

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"time"

	"github.com/tslab/tslab/internal/durable"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/netlab/capture"
	"github.com/tslab/tslab/netlab/fault/tcx"
)

// Verdict says how a run ended.
type Verdict string

// The verdicts.
const (
	Running     Verdict = "running"
	Passed      Verdict = "passed"
	Failed      Verdict = "failed"      // an expectation was not met
	Broken      Verdict = "error"       // the drill could not be carried out
	Interrupted Verdict = "interrupted" // by the user
)

// Record is what run.json says about a run. The file is also the mark by which a
// later run knows that it may replace the folder.
type Record struct {
	Format         string                   `json:"format"`
	Drill          string                   `json:"drill"`
	Title          string                   `json:"title"`
	Edition        string                   `json:"edition,omitempty"` // of this leg of the drill's matrix
	Verdict        Verdict                  `json:"verdict"`
	Error          string                   `json:"error,omitempty"`
	Seed           uint64                   `json:"seed"`
	Engine         Engine                   `json:"engine"` // that does its faults
	Faults         []*FaultRecord           `json:"faults,omitempty"`
	Streams        map[string]uint64        `json:"streams,omitempty"` // seeds drawn from it, by the name of what they decide
	Start          time.Time                `json:"start"`             // of the lab's calendar
	End            time.Time                `json:"end"`
	Began          time.Time                `json:"began"` // by the machine's clock
	Ended          time.Time                `json:"ended"`
	UpMilliseconds float64                  `json:"up_ms"`
	FirstPacket    time.Time                `json:"first_packet,omitzero"`
	Wireshark      []string                 `json:"wireshark"` // what it must be told, beside the file, where our dissector is not installed
	Nets           []Net                    `json:"nets"`
	Hosts          []Host                   `json:"hosts"`
	Programs       []ProgramRecord          `json:"programs"`
	Expectations   []Expectation            `json:"expectations"`
	Invariants     []Invariant              `json:"invariants,omitempty"` // looked at when all programs had ended
	Events         map[string]int           `json:"events"`               // how many of each name
	DamagedLines   int                      `json:"damaged_event_lines"`
	Links          map[string]capture.Stats `json:"links"`
	Drops          uint64                   `json:"drops"`
	Traffic        []tcx.Traffic            `json:"traffic,omitempty"` // as the eBPF engine counted it
}

// ProgramRecord is one start of a program.
type ProgramRecord struct {
	Host    string   `json:"host"`
	Program string   `json:"program"`
	Command []string `json:"command"`
}

// Expectation is what a drill expected at one place, and what it found.
type Expectation struct {
	Place string `json:"place"` // file:line:column
	Text  string `json:"text"`
	Met   bool   `json:"met"`
	Want  string `json:"want"`
	Got   string `json:"got"`

	// The first and the last frame of the capture that was sent between the action
	// before it and the expectation; 0 when there was none or it was met.
	FirstFrame int `json:"first_frame,omitempty"`
	LastFrame  int `json:"last_frame,omitempty"`

	// The last licensing messages among those frames, at most maxPointers.
	Messages []Pointer `json:"messages,omitempty"`

	// It is about this event, which nobody had listed; the frames are those before it.
	Event *eventlog.Event `json:"event,omitempty"`

	since, at time.Time
}

// Pointer is a message and its frame in the capture.
type Pointer struct {
	Name  string `json:"name"`
	Frame int    `json:"frame"`
}

// maxPointers are as many messages as one looks at to see why an expectation was not met.
const maxPointers = 6

// Why is in a sentence why an expectation was not met, and where to look.
func (x Expectation) Why() string {
	why := fmt.Sprintf("%s: want %s, got %s", x.Text, x.Want, x.Got)
	switch {
	case x.Event != nil && x.FirstFrame == 0:
		return why + "; no frame was sent since the event before"
	case x.Event != nil:
		return fmt.Sprintf("%s; see frames %d to %d, what was sent since the event before%s", why, x.FirstFrame, x.LastFrame, x.pointers())
	}
	if x.FirstFrame == 0 {
		return why + "; no frame was sent since the expectation before"
	}
	return fmt.Sprintf("%s; see frames %d to %d, what was sent since the expectation before%s", why, x.FirstFrame, x.LastFrame, x.pointers())
}

// pointers names the licensing messages to look at.
func (x Expectation) pointers() string {
	var all []string
	for _, m := range x.Messages {
		all = append(all, fmt.Sprintf("%s in %d", m.Name, m.Frame))
	}
	if len(all) == 0 {
		return ""
	}
	return "; licensing messages: " + strings.Join(all, ", ")
}

func newRecord(spec Spec, o Options, began time.Time) *Record {
	return &Record{
		Format: recordFormat, Drill: o.Name, Title: o.Title, Edition: o.Edition, Verdict: Running, Seed: o.Seed, Engine: cmp.Or(o.Engine, UserEngine),
		Start: o.Start, Began: began.UTC(), Nets: spec.Nets, Hosts: spec.Hosts,
		Programs: []ProgramRecord{}, Expectations: []Expectation{},
		Events: map[string]int{}, Links: map[string]capture.Stats{}, Wireshark: []string{},
	}
}

// Unbuilt is the record of a run that never had a lab; it lies in no folder.
func Unbuilt(o Options, began time.Time, verdict Verdict, why error) *Record {
	r := newRecord(Spec{}, o, began)
	r.Verdict, r.Error = verdict, why.Error()
	r.finish()
	return r
}

// Stream is the seed of one sequence of choices, drawn from a run's by its name.
func Stream(seed uint64, name ...string) uint64 {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %q", seed, name))
	return binary.BigEndian.Uint64(sum[:])
}

// AddStreams notes seeds that were drawn from the run's.
func (r *Record) AddStreams(seeds map[string]uint64) {
	if r.Streams == nil {
		r.Streams = map[string]uint64{}
	}
	maps.Copy(r.Streams, seeds)
}

// Name is the drill's name, with its leg where the drill has more than one.
func (r *Record) Name() string {
	if r.Edition == "" {
		return r.Drill
	}
	return r.Drill + " [" + r.Edition + "]"
}

// Record is what is known of the run so far.
func (l *Lab) Record() *Record { return l.record }

func (r *Record) count(j *journal) {
	events, _ := j.since(0)
	for _, e := range events {
		r.Events[e.Name]++
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	r.DamagedLines = j.damaged
}

// finish settles the verdict of a run that has ended.
func (r *Record) finish() {
	r.Ended = time.Now().UTC()
	for _, s := range r.Links {
		r.Drops += s.Drops
	}
	if r.Verdict != Running {
		return
	}
	r.Verdict = Passed
	if r.Error != "" {
		r.Verdict = Broken
	}
	for _, e := range r.Expectations {
		if !e.Met && r.Verdict == Passed {
			r.Verdict = Failed
		}
	}
	if r.Verdict == Passed && len(r.Broken()) > 0 {
		r.Verdict = Failed
	}
}

func (r *Record) write(folder string) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(folder, recordName), append(b, '\n'), 0o644)
}
