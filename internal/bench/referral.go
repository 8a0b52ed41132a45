package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/internal/harness"
	"github.com/tslab/tslab/internal/rdpconn"
	"github.com/tslab/tslab/wire/rdpsec"
)

// redirected is how many devices are licensed each way; the median counts.
const redirected = 41

// referrals measures what a redirect adds for a device: the same license server asked
// at once, and by the word of one that has nothing.
func referrals(ctx context.Context, bin string, _ time.Duration, print func(figure)) error {
	return farm(bin, func(full *harness.Farm) error {
		return farm(bin, func(empty *harness.Farm) error {
			if err := pair(ctx, full, empty); err != nil {
				return fmt.Errorf("redirect: %w", err)
			}
			direct, err1 := latency(ctx, full, "DIRECT")
			referred, err2 := latency(ctx, empty, "REFERRED")
			if err := errors.Join(err1, err2); err != nil {
				return fmt.Errorf("redirect: %w", err)
			}
			shown, err := full.Tool(ctx, "licmgr", "show", "--server", full.LServerAddr, "--state", full.Path("licmgr"), "--tokens")
			if n := strings.Count(shown, "REFERRED-"); err != nil || n < redirected-1 {
				return fmt.Errorf("redirect: only %d devices were referred: %w", n, err)
			}
			print(figure{"first connection, NONE, one client", direct, "ms"})
			print(figure{"first connection, NONE, redirected", referred, "ms"})
			return nil
		})
	})
}

// pair starts a license server with stock and one with a single CAL that know each
// other, and a terminal server for each.
func pair(ctx context.Context, full, empty *harness.Farm) error {
	common := []string{"--edition", "w2k-rtm", "--gossip", "127.0.0.1:0"}
	full.LServerArgs = common
	empty.TermServArgs = []string{"--edition", "w2k-rtm", "--security", "rdp", "--encryption", "none"}
	full.TermServArgs = empty.TermServArgs
	for _, err := range []error{full.StartLServer(ctx), full.Enroll(ctx, 2*redirected), full.StartTermServ(ctx)} {
		if err != nil {
			return err
		}
	}
	started, err := said(ctx, full.LServerLog, eventlog.GossipStarted)
	if err != nil {
		return err
	}
	empty.LServerArgs = append(common, "--host", "empty", "--peers", started.Fields["address"], "--set", "default_ls_referral=yes", "--set", "default_ls_empty=temp")
	for _, err := range []error{empty.StartLServer(ctx), empty.Enroll(ctx, 1), empty.StartTermServ(ctx)} {
		if err != nil {
			return err
		}
	}
	_, err = said(ctx, empty.LServerLog, eventlog.InventoryHeard)
	return err
}

// said waits for an event, whenever it was.
func said(ctx context.Context, j *harness.Journal, kind eventlog.Kind) (found eventlog.Event, err error) {
	err = harness.Until(ctx, kind.Name, func() (bool, error) {
		all, err := j.All()
		for _, e := range all {
			if e.Name == kind.Name {
				found = e
				return true, nil
			}
		}
		return false, err
	})
	return found, err
}

// latency is the median time to license a new device, in milliseconds.
func latency(ctx context.Context, f *harness.Farm, name string) (float64, error) {
	s := security{"NONE", nil, rdpconn.RDPOnly, []rdpsec.Method{rdpsec.MethodNone}}
	var took []float64
	for i := range redirected {
		d := newDevice(f, s, fmt.Sprintf("%s-%d", name, i))
		begin := time.Now()
		if err := d.license(ctx); err != nil {
			return 0, err
		}
		took = append(took, time.Since(begin).Seconds()*1000)
	}
	return median(took), nil
}
