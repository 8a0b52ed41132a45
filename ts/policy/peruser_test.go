package policy

import (
	"testing"

	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/wire/tsls"
)

// Rule S3a: in per-user mode, and nowhere else, a license server with a Per User pack
// ends the grace period when the knob says so, of the first client's connection too.
func TestPerUserPackEndsGrace(t *testing.T) {
	for _, tt := range []struct {
		mode       Mode
		knob, pack bool
		from       Grace
		want       GraceState
	}{
		{ModeUser, true, true, Grace{}, GraceEnded},
		{ModeUser, true, true, Grace{State: GraceRunning, End: start().Add(day)}, GraceEnded},
		{ModeUser, false, true, Grace{}, GraceRunning},
		{ModeUser, true, false, Grace{}, GraceRunning},
		{ModeDevice, true, true, Grace{}, GraceRunning},
	} {
		p := edition.WS2003()
		p.PerUserEndsGrace = tt.knob
		s := server(p)
		s.Mode, s.Grace = tt.mode, tt.from
		a := up(tsls.AnswerTempNew)
		a.PerUserPack = tt.pack
		out := After(Before(start(), s, Client{Class: tsls.ClassNone}), a)
		if !out.Admit || out.Grace.State != tt.want {
			t.Errorf("%+v: %s, grace %v", tt, out.Rule, out.Grace.State)
		}
		if out.Grace.State == GraceEnded && out.Grace.Reason != GraceCAL {
			t.Errorf("%+v: ended by %s", tt, out.Grace.Reason)
		}
	}
}
