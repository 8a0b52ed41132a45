package captures_test

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tslab/tslab/wire/tsls"
)

// payload is what one packet carries to a port, in the clear.
type payload struct {
	protocol byte
	port     uint16
	content  []byte
}

const tcpIP, udpIP = 6, 17

// onTheWire writes a capture with a packet for each, each of a connection of its own.
func onTheWire(t *testing.T, all []payload) string {
	t.Helper()
	const linkRaw, ipv4, firstPort = 101, 20, 40000
	b := []byte{0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, linkRaw, 0, 0, 0}
	for i, p := range all {
		transport := binary.BigEndian.AppendUint16(nil, uint16(firstPort+i))
		transport = binary.BigEndian.AppendUint16(transport, p.port)
		if p.protocol == tcpIP {
			transport = append(transport, 0, 0, 0, 1, 0, 0, 0, 1, 5<<4, 0x18, 1, 0, 0, 0, 0, 0)
		} else {
			transport = append(binary.BigEndian.AppendUint16(transport, uint16(8+len(p.content))), 0, 0)
		}
		transport = append(transport, p.content...)
		packet := []byte{0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, p.protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2}
		binary.BigEndian.PutUint16(packet[2:], uint16(ipv4+len(transport)))
		packet = append(packet, transport...)
		for _, v := range []int{i, 0, len(packet), len(packet)} {
			b = binary.LittleEndian.AppendUint32(b, uint32(v))
		}
		b = append(b, packet...)
	}
	path := filepath.Join(t.TempDir(), "packets.pcap")
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// columns are the values of fields, for each packet.
func columns(t *testing.T, home, path string, fields []string, args ...string) (rows []map[string]string) {
	t.Helper()
	args = append(args, "-T", "fields")
	for _, f := range fields {
		args = append(args, "-e", f)
	}
	for _, line := range tshark(t, home, path, args...) {
		row := map[string]string{}
		for i, v := range strings.Split(line, "\t") {
			row[fields[i]] = v
		}
		rows = append(rows, row)
	}
	return rows
}

// plain is a script that lets the license server protocol be read without its TLS.
func plain(t *testing.T) []string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "plain.lua")
	if err := os.WriteFile(path, []byte(`DissectorTable.get("tcp.port"):add(3343, Dissector.get("tsls"))`), 0o644); err != nil {
		t.Fatal(err)
	}
	return []string{"-X", "lua_script:" + path}
}

// framed is a message of the license server protocol in its frame.
func framed(t *testing.T, m tsls.Message) []byte {
	t.Helper()
	message, err := tsls.Append(nil, m)
	if err != nil {
		t.Fatalf("%v: %v", m.Type(), err)
	}
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(message)))
	return append(append(b, 7, 0, 0, 0), message...)
}

// filled is a message of a type with something in every field.
func filled(m tsls.Message) tsls.Message {
	v := reflect.New(reflect.TypeOf(m)).Elem()
	fill(v)
	return v.Interface().(tsls.Message)
}

func fill(v reflect.Value) {
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(time.Date(2003, 3, 3, 9, 0, 0, 0, time.UTC)))
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i))
			}
		}
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(v.Index(i))
		}
	case v.Kind() == reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i))
		}
	case v.Kind() == reflect.String:
		v.SetString("word")
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	case v.CanUint():
		v.SetUint(1)
	}
}

// Every message of the license server protocol is read to its last byte, with something
// in each of its fields.
func TestEveryMessageIsReadToItsEnd(t *testing.T) {
	fields := []string{"_ws.col.Info", "_ws.expert.message"}
	var packets []payload
	for _, m := range messages() {
		packets = append(packets, payload{tcpIP, 3343, framed(t, filled(m))})
		fields = append(fields, fieldsOf(t, m)...)
	}
	rows := columns(t, wireshark(t), onTheWire(t, packets), fields, plain(t)...)
	if len(rows) != len(packets) {
		t.Fatalf("%d packets, want %d", len(rows), len(packets))
	}
	for i, m := range messages() {
		row := rows[i]
		want := map[tsls.Type]string{tsls.Error{}.Type(): "version: word"}[m.Type()] // that there is one is told
		if !strings.HasPrefix(row["_ws.col.Info"], m.Type().String()) || row["_ws.expert.message"] != want {
			t.Errorf("%v: %q, told %q", m.Type(), row["_ws.col.Info"], row["_ws.expert.message"])
		}
		for _, f := range fieldsOf(t, m) {
			if row[f] == "" {
				t.Errorf("%v: no %s", m.Type(), f)
			}
		}
	}
}

// fieldsOf are the filters of a message's fields, and of those within them.
func fieldsOf(t *testing.T, m tsls.Message) (fields []string) {
	t.Helper()
	structures := map[string]reflect.Type{}
	for structure, name := range compounds() {
		structures[name] = structure
	}
	var add func(reflect.Type)
	add = func(structure reflect.Type) {
		for f := range strings.FieldsSeq(spec(t, structure)) {
			name, kind, _ := strings.Cut(f, ":")
			if f == "issued:u32" { // there is issued:time, too
				name = "issued_count"
			}
			if filter := "tsls." + name; !slices.Contains(fields, filter) {
				fields = append(fields, filter)
			}
			if inner := structures[strings.TrimPrefix(kind, "*")]; inner != nil {
				add(inner)
			}
		}
	}
	add(reflect.TypeOf(m))
	return fields
}
