//go:build linux

package capture

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// The pcapng blocks that the library does not write, draft-ietf-opsawg-pcapng
// sections 4.5 and 4.7.
const (
	blockNames   = 0x00000004
	blockJournal = 0x00000009

	recordIPv4 = 1
	recordIPv6 = 2
)

// Row is something that happened between packets: a line of a program's event log.
type Row struct {
	Time   time.Time         // the machine's
	Text   string            // what the packet list shows
	Fields map[string]string // journal fields, named in capitals
}

func writeBlock(w io.Writer, kind uint32, body []byte) error {
	padded := (len(body) + 3) &^ 3
	total := uint32(4 + 4 + padded + 4) // type, length, body, length
	b := binary.LittleEndian.AppendUint32(nil, kind)
	b = binary.LittleEndian.AppendUint32(b, total)
	b = append(append(b, body...), make([]byte, padded-len(body))...)
	_, err := w.Write(binary.LittleEndian.AppendUint32(b, total))
	return err
}

// writeNames writes a Name Resolution Block.
func writeNames(w io.Writer, names map[netip.Addr]string) error {
	var body []byte
	for _, addr := range slices.SortedFunc(maps.Keys(names), netip.Addr.Compare) {
		kind := uint16(recordIPv4)
		if addr.Is6() {
			kind = recordIPv6
		}
		value := append(append(addr.AsSlice(), names[addr]...), 0)
		body = binary.LittleEndian.AppendUint16(body, kind)
		body = binary.LittleEndian.AppendUint16(body, uint16(len(value)))
		body = append(body, value...)
		body = append(body, make([]byte, -len(value)&3)...)
	}
	body = append(body, 0, 0, 0, 0) // nrb_record_end
	return writeBlock(w, blockNames, body)
}

// writeJournal writes a systemd Journal Export Block.
func writeJournal(w io.Writer, row Row) error {
	var b strings.Builder
	fmt.Fprintf(&b, "__REALTIME_TIMESTAMP=%d\nMESSAGE=%s\n", row.Time.UnixMicro(), oneLine(row.Text))
	for _, name := range slices.SortedFunc(maps.Keys(row.Fields), cmp.Compare[string]) {
		fmt.Fprintf(&b, "%s=%s\n", name, oneLine(row.Fields[name]))
	}
	return writeBlock(w, blockJournal, []byte(b.String()))
}

func oneLine(s string) string { return strings.ReplaceAll(s, "\n", " ") }
