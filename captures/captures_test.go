package captures_test

import (
	"bytes"
	"testing"

	"github.com/tslab/tslab/captures"
)

func TestDissectorIsKnownAgain(t *testing.T) {
	text := captures.Dissector()
	if !captures.IsDissector(text) {
		t.Error("it is not known as ours")
	}
	for _, part := range []string{`Proto("rdpele"`, `Proto("tsls"`, `Proto("tslab_token"`, `Proto("tslab_rdp"`, `Proto("tslocate"`} {
		if !bytes.Contains(text, []byte(part)) {
			t.Errorf("%s is missing", part)
		}
	}
	for _, foreign := range []string{"", "-- another dissector\n", "\n" + string(text)} {
		if captures.IsDissector([]byte(foreign)) {
			t.Errorf("%.20q is taken for ours", foreign)
		}
	}
}
