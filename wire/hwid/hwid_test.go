package hwid_test

import (
	"testing"

	"github.com/tslab/tslab/wire/hwid"
)

func TestTextBothWays(t *testing.T) {
	id := hwid.New(0x04010000, [16]byte{0xd4, 15: 0xff})
	const text = "00000104d40000000000000000000000000000ff"
	if id.String() != text {
		t.Errorf("String = %s, want %s", id, text)
	}
	back, err := hwid.Parse(text)
	if err != nil || back != id {
		t.Errorf("Parse = %v, %v", back, err)
	}
	if id.Platform() != 0x04010000 {
		t.Errorf("Platform = %#x", id.Platform())
	}
}

func TestParseRefuses(t *testing.T) {
	for _, s := range []string{"", "00", "00000104d40000000000000000000000000000f", "zz000104d40000000000000000000000000000ff"} {
		if id, err := hwid.Parse(s); err == nil || !id.IsZero() {
			t.Errorf("Parse(%q) = %v, %v", s, id, err)
		}
	}
}
