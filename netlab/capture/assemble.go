//go:build linux

package capture

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
)

// Recording is what one cable carried.
type Recording struct {
	Name        string // of the interface in the file
	Description string
	Path        string
	Stats       Stats
}

// Assembly is all that goes into a lab's capture.
type Assembly struct {
	Comment    string
	Recordings []Recording
	Secrets    []byte                // the key logs of all programs
	Names      map[netip.Addr]string // of the hosts
	Rows       []Row

	comments map[place][]string
	numbers  map[place]int // of the frames with comments, in the file
}

// Write writes a as pcapng: sections, interfaces, secrets and names first, then
// packets and rows in the order of time, then what each interface counted. Licensing
// messages and those to license servers are told in comments, the keys of each
// licensing stand in a row behind its request, and what was under RC4 is there once
// more in the clear. The files of the latter are made in folder and removed. It
// returns the messages, with the numbers of their frames in the file.
func (a Assembly) Write(w io.Writer, folder string) (told []Message, err error) {
	if len(a.Recordings) == 0 {
		return nil, errors.New("capture: nothing was recorded")
	}
	secrets, twins := parseSecrets(a.Secrets), newTwins(folder)
	found := newAnalysis(a.Recordings, secrets, twins)
	defer func() {
		for _, f := range twins.order {
			err = errors.Join(err, os.Remove(f.recording.Path))
		}
	}()
	if err := errors.Join(found.run(a.Recordings), twins.close()); err != nil {
		return nil, fmt.Errorf("capture: %w", err)
	}
	a.numbers = map[place]int{}
	a.Secrets, a.comments = secrets.tlsLines, found.comments()
	a.Recordings, a.Rows = slices.Clone(a.Recordings), append(slices.Clone(a.Rows), found.rows...)
	slices.SortStableFunc(a.Rows, func(x, y Row) int { return x.Time.Compare(y.Time) })
	for _, f := range twins.order {
		for frame, texts := range f.comments {
			a.comments[place{len(a.Recordings), frame}] = texts
		}
		a.Recordings = append(a.Recordings, f.recording)
	}
	if err := a.write(w); err != nil {
		return nil, err
	}
	for i := range found.messages {
		found.messages[i].Frame = a.numbers[found.messages[i].at]
	}
	return found.messages, nil
}

func (a Assembly) write(w io.Writer) error {
	out := bufio.NewWriterSize(w, 1<<16)
	ng, err := a.begin(out)
	if err != nil {
		return fmt.Errorf("capture: %w", err)
	}
	if err := a.merge(out, ng); err != nil {
		return fmt.Errorf("capture: %w", err)
	}
	for i, r := range a.Recordings {
		err := ng.WriteInterfaceStats(i, pcapgo.NgInterfaceStatistics{
			LastUpdate: r.Stats.End, StartTime: r.Stats.Start, EndTime: r.Stats.End,
			PacketsReceived: r.Stats.Packets + r.Stats.Drops, PacketsDropped: r.Stats.Drops,
		})
		if err != nil {
			return fmt.Errorf("capture: %w", err)
		}
	}
	return errors.Join(ng.Flush(), out.Flush())
}

func (r Recording) ngInterface() pcapgo.NgInterface {
	return pcapgo.NgInterface{
		Name: r.Name, Description: r.Description, OS: "Linux",
		LinkType: layers.LinkTypeEthernet, SnapLength: snapLen, TimestampResolution: 9,
	}
}

func (a Assembly) begin(out io.Writer) (*pcapgo.NgWriter, error) {
	ng, err := pcapgo.NewNgWriterInterface(out, a.Recordings[0].ngInterface(), pcapgo.NgWriterOptions{
		SectionInfo: pcapgo.NgSectionInfo{Application: "TSLab", OS: "Linux", Comment: a.Comment},
	})
	if err != nil {
		return nil, err
	}
	for _, r := range a.Recordings[1:] {
		if _, err := ng.AddInterface(r.ngInterface()); err != nil {
			return nil, err
		}
	}
	if len(a.Secrets) > 0 {
		if err := ng.WriteDecryptionSecretsBlock(pcapgo.DSB_SECRETS_TYPE_TLS, a.Secrets); err != nil {
			return nil, err
		}
	}
	if len(a.Names) > 0 {
		if err := ng.Flush(); err != nil {
			return nil, err
		}
		return ng, writeNames(out, a.Names)
	}
	return ng, nil
}

// source is a recording that is being merged: its next frame, nil at its end.
type source struct {
	file  *os.File
	r     *rawReader
	frame *Frame
	count int // of the frames before it
}

func (s *source) advance() (err error) {
	if s.frame != nil {
		s.count++
	}
	s.frame, err = s.r.next()
	if errors.Is(err, io.EOF) {
		s.frame = nil
		return nil
	}
	return err
}

func openSource(path string) (*source, error) {
	f, r, err := openRaw(path)
	if err != nil {
		return nil, err
	}
	s := &source{file: f, r: r}
	if err := s.advance(); err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// merge writes frames and rows in the order of time.
func (a Assembly) merge(out io.Writer, ng *pcapgo.NgWriter) error {
	rows, number := a.Rows, 0 // of the last frame or row; Wireshark counts both
	until := func(limit func(Row) bool) error {
		for ; len(rows) > 0 && limit(rows[0]); rows = rows[1:] {
			number++
			if err := errors.Join(ng.Flush(), writeJournal(out, rows[0])); err != nil {
				return err
			}
		}
		return nil
	}
	err := eachFrame(a.Recordings, func(f *Frame, at place) error {
		if err := until(func(r Row) bool { return r.Time.Before(f.Time) }); err != nil {
			return err
		}
		number++
		if len(a.comments[at]) > 0 {
			a.numbers[at] = number
		}
		ci := gopacket.CaptureInfo{Timestamp: f.Time, CaptureLength: len(f.Data), Length: f.Length, InterfaceIndex: at.recording}
		return ng.WritePacketWithOptions(ci, f.Data, pcapgo.NgPacketOptions{Comments: a.comments[at]})
	})
	if err != nil {
		return err
	}
	return until(func(Row) bool { return true })
}

// earliest is the index of the source whose next frame comes first, -1 when all have
// ended.
func earliest(sources []*source) int {
	best, when := -1, time.Time{}
	for i, s := range sources {
		if s.frame != nil && (best < 0 || s.frame.Time.Before(when)) {
			best, when = i, s.frame.Time
		}
	}
	return best
}
