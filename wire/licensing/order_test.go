package licensing_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/wire/licensing"
)

// TestOrderOfWholePhases goes through every flow of MS-RDPELE 3.2.5, with the
// state after each message.
func TestOrderOfWholePhases(t *testing.T) {
	request, ask, show := &licensing.LicenseRequest{}, &licensing.NewLicenseRequest{}, &licensing.LicenseInfo{}
	challenge, response := &licensing.PlatformChallenge{}, &licensing.PlatformChallengeResponse{}
	abort, reset := licensing.Abort(licensing.InvalidClient), &licensing.ErrorAlert{Code: licensing.InvalidClient, Transition: licensing.ResetPhaseToStart}
	resend := &licensing.ErrorAlert{Code: licensing.InvalidMAC, Transition: licensing.ResendLastMessage}
	const (
		requested, asked, presented = licensing.Requested, licensing.Asked, licensing.Presented
		challenged, responded       = licensing.Challenged, licensing.Responded
		completed, aborted          = licensing.Completed, licensing.Aborted
	)
	for name, c := range map[string]struct {
		messages []licensing.Message
		states   []licensing.State
	}{
		"new license":              {[]licensing.Message{request, ask, challenge, response, &licensing.NewLicense{}}, []licensing.State{requested, asked, challenged, responded, completed}},
		"upgrade":                  {[]licensing.Message{request, show, challenge, response, &licensing.UpgradeLicense{}}, []licensing.State{requested, presented, challenged, responded, completed}},
		"new for what was foreign": {[]licensing.Message{request, show, challenge, response, &licensing.NewLicense{}}, []licensing.State{requested, presented, challenged, responded, completed}},
		"good license":             {[]licensing.Message{request, show, licensing.ValidClient()}, []licensing.State{requested, presented, completed}},
		"no licensing":             {[]licensing.Message{licensing.ValidClient()}, []licensing.State{completed}},
		"xrdp":                     {[]licensing.Message{request, ask, licensing.ValidClient()}, []licensing.State{requested, asked, completed}},
		"refused":                  {[]licensing.Message{request, ask, challenge, response, abort}, []licensing.State{requested, asked, challenged, responded, aborted}},
		"client gives up":          {[]licensing.Message{request, licensing.Abort(licensing.NoLicense)}, []licensing.State{requested, aborted}},
		"from the start again":     {[]licensing.Message{request, ask, reset, request}, []licensing.State{requested, asked, licensing.Begin, requested}},
		"the last message again":   {[]licensing.Message{request, ask, resend, challenge}, []licensing.State{requested, asked, asked, challenged}},
		"an odd transition":        {[]licensing.Message{request, &licensing.ErrorAlert{Code: licensing.InvalidClient, Transition: 77}}, []licensing.State{requested, aborted}},
	} {
		t.Run(name, func(t *testing.T) {
			var state licensing.State
			var states []licensing.State
			for _, m := range c.messages {
				next, err := state.Next(m)
				if err != nil {
					t.Fatal(err)
				}
				state = next
				states = append(states, state)
			}
			if diff := cmp.Diff(c.states, states); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// TestOrderIsTheTable tries every message in every state: what has no row is an
// OrderError that changes nothing.
func TestOrderIsTheTable(t *testing.T) {
	legal := map[[2]int]licensing.State{}
	for _, s := range licensing.Order() {
		legal[[2]int{int(s.From), int(s.Message)}] = s.To
	}
	for state := licensing.Begin; state <= licensing.Aborted; state++ {
		for _, r := range table() {
			if r.message.Type() == licensing.TypeErrorAlert {
				continue
			}
			next, err := state.Next(r.message)
			want, ok := legal[[2]int{int(state), int(r.message.Type())}]
			var order *licensing.OrderError
			switch {
			case ok && (err != nil || next != want):
				t.Errorf("%v in %v: %v, %v; want %v", r.message.Type(), state, next, err, want)
			case !ok && (!errors.As(err, &order) || next != state):
				t.Errorf("%v in %v: %v, %v; want an OrderError", r.message.Type(), state, next, err)
			}
		}
		_, err := state.Next(licensing.ValidClient())
		if end := state == licensing.Completed || state == licensing.Aborted; (err != nil) != end {
			t.Errorf("an alert in %v: %v", state, err)
		}
	}
}
