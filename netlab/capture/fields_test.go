//go:build linux

package capture

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/wire/hwid"
	"github.com/tslab/tslab/wire/licensing"
	"github.com/tslab/tslab/wire/tsls"
)

// TestFields: every exported field, by its path, whatever it is made of.
func TestFields(t *testing.T) {
	if got := (Message{}).Fields(); got != nil {
		t.Errorf("of nothing: %v", got)
	}
	mark := Message{body: tsls.Mark{LicenseID: "LAB-1", HardwareID: hwid.ID{1}, Machine: "PC-1", Expires: time.Date(2003, 6, 1, 9, 0, 0, 0, time.UTC)}}
	values := map[string]string{}
	for _, f := range mark.Fields() {
		values[f.Name] = f.Value
	}
	for name, want := range map[string]string{"LicenseID": "LAB-1", "HardwareID": hwid.ID{1}.String(), "Machine": "PC-1", "Expires": "2003-06-01T09:00:00Z"} {
		if values[name] != want {
			t.Errorf("%s is %q, want %q", name, values[name], want)
		}
	}
	list := Message{body: tsls.LicenseList{Licenses: make([]tsls.LicenseInfo, mostElements+2)}}
	fields := list.Fields()
	if fields[0].Name != "Licenses[0].LicenseID" {
		t.Errorf("the first field of a list is %+v", fields[0])
	}
	if more := (Field{"Licenses", "and 2 more"}); !cmp.Equal(fields[len(fields)-2], more) {
		t.Errorf("behind a long list stands %+v, want %+v", fields[len(fields)-2], more)
	}
	long := Message{body: &licensing.PlatformChallenge{EncryptedChallenge: bytes.Repeat([]byte{0xab}, 40)}}
	for _, f := range long.Fields() {
		if f.Name == "EncryptedChallenge" && f.Value == string(bytes.Repeat([]byte("ab"), longestBytes))+"... (40 bytes)" {
			return
		}
	}
	t.Errorf("%+v", long.Fields())
}
