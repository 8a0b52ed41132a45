//go:build linux

package netlab

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/tslab/tslab/netlab/capture"
)

// Blocks of a capture that Wireshark numbers (draft-ietf-opsawg-pcapng 4.3 and 4.7).
const (
	packetBlock  = 6
	journalBlock = 9

	blockHeader  = 8
	packetHeader = 12 // interface and both halves of the time
)

// locate finds the frames of the assembled capture that belong to expectations that
// were not met.
func (r *Record) locate(path string) error {
	var unmet []*Expectation
	for i := range r.Expectations {
		if x := &r.Expectations[i]; !x.Met {
			unmet = append(unmet, x)
		}
	}
	if len(unmet) == 0 {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	in, number := bufio.NewReaderSize(f, 1<<16), 0
	for {
		kind, sent, err := nextBlock(in)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if kind == packetBlock || kind == journalBlock {
			number++
		}
		if kind != packetBlock {
			continue
		}
		for _, x := range unmet {
			if !sent.Before(x.since) && !sent.After(x.at) {
				if x.FirstFrame == 0 {
					x.FirstFrame = number
				}
				x.LastFrame = number
			}
		}
	}
}

// pointOut notes which licensing messages were sent before an expectation that was not
// met, the last ones. Pings and greetings say nothing about licenses.
func (r *Record) pointOut(told []capture.Message) {
	for i := range r.Expectations {
		x := &r.Expectations[i]
		for _, m := range told {
			licensing := m.Protocol == "rdpele" || m.Protocol == "tsls" && !slices.Contains([]string{"Ping", "Hello", "ServerInfo"}, m.Name)
			if !x.Met && licensing && !m.Time.Before(x.since) && !m.Time.After(x.at) {
				x.Messages = append(x.Messages, Pointer{m.Name, m.Frame})
			}
		}
		if len(x.Messages) > maxPointers {
			x.Messages = x.Messages[len(x.Messages)-maxPointers:]
		}
	}
}

// nextBlock reads a block as far as it is needed: its kind, and the time of a packet.
func nextBlock(in *bufio.Reader) (kind uint32, sent time.Time, err error) {
	header := make([]byte, blockHeader+packetHeader)
	if _, err := io.ReadFull(in, header[:blockHeader]); err != nil {
		return 0, sent, err
	}
	kind = binary.LittleEndian.Uint32(header)
	left := int(binary.LittleEndian.Uint32(header[4:])) - blockHeader
	if kind == packetBlock && left >= packetHeader {
		if _, err := io.ReadFull(in, header[blockHeader:]); err != nil {
			return 0, sent, err
		}
		left -= packetHeader
		high, low := binary.LittleEndian.Uint32(header[12:]), binary.LittleEndian.Uint32(header[16:])
		sent = time.Unix(0, int64(uint64(high)<<32|uint64(low)))
	}
	_, err = in.Discard(left)
	return kind, sent, err
}
