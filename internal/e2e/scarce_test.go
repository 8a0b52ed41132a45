package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/tslab/tslab/internal/harness"
)

const (
	devices = 100
	cals    = 10
	readers = 8 // that look into stores at once
)

// device is a client with a store of its own.
type device struct {
	farm *harness.Farm
	name string
}

func (d device) state() string { return d.farm.Path(d.name) }

// client is the command line of the device's client.
func (d device) client() []string {
	return []string{programs + "/tsclient", "connect", "--state", d.state(), "--clock", d.farm.Clock(), "--name", d.name, "--persona", "9x", d.farm.Addr}
}

// connect connects once.
func (d device) connect(ctx context.Context) error {
	command := d.client()
	p, err := harness.Start(d.farm.Dir, nil, "", command[0], command[1:]...)
	if err != nil {
		return err
	}
	defer p.Kill()
	return d.served(ctx, p)
}

// gated is a client that says that it is there and starts once nobody holds the gate.
const gated = `exec 9<"$1"; shift; echo at the gate; flock -s 9; exec "$@"`

// queue starts the device's client behind the gate.
func (d device) queue(ctx context.Context, gate string) (*harness.Process, error) {
	p, err := harness.Start(d.farm.Dir, nil, "", "sh", append([]string{"-c", gated, "sh", gate}, d.client()...)...)
	if err != nil {
		return nil, err
	}
	err = harness.Until(ctx, d.name+" at the gate", func() (bool, error) { return strings.Contains(p.Output(), "at the gate"), nil })
	if err != nil {
		p.Kill()
		return nil, fmt.Errorf("%w: %s", err, p.Output())
	}
	return p, nil
}

// served waits until the device's client has ended. A device that the license server
// could not serve is not an error: it was admitted on its temporary token or refused.
func (d device) served(ctx context.Context, p *harness.Process) error {
	const refused = 3
	if code, err := p.Wait(ctx); err != nil || code != 0 && code != refused {
		return fmt.Errorf("%s: exit status %d, %v: %s", d.name, code, err, p.Output())
	}
	return nil
}

// kinds are the kinds of the tokens in the device's store.
func (d device) kinds(ctx context.Context) ([]string, error) {
	out, err := d.farm.Tool(ctx, "tsclient", "token", "--state", d.state(), "--clock", d.farm.Clock(), "--json")
	if err != nil {
		return nil, err
	}
	var tokens []struct {
		Kind string `json:"kind"`
	}
	if err := json.Unmarshal([]byte(out), &tokens); err != nil {
		return nil, fmt.Errorf("tsclient token: %w: %s", err, out)
	}
	var kinds []string
	for _, t := range tokens {
		kinds = append(kinds, t.Kind)
	}
	return kinds, nil
}

// everybody looks at all devices, a few at once.
func everybody(ctx context.Context, all []device, do func(context.Context, device) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(readers)
	for _, d := range all {
		group.Go(func() error { return do(ctx, d) })
	}
	return group.Wait()
}

// tryAll lets all devices connect, all at once: none starts before the last is there.
func tryAll(ctx context.Context, all []device) error {
	gate, err := os.Create(all[0].farm.Path("gate"))
	if err != nil {
		return err
	}
	defer gate.Close() // opens it in any case
	if err := syscall.Flock(int(gate.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	running := make([]*harness.Process, len(all))
	defer func() {
		for _, p := range running {
			if p != nil {
				p.Kill()
			}
		}
	}()
	for i, d := range all {
		if running[i], err = d.queue(ctx, gate.Name()); err != nil {
			return err
		}
	}
	gate.Close()
	for i, d := range all {
		if err := d.served(ctx, running[i]); err != nil {
			return err
		}
	}
	return nil
}

func connectAll(ctx context.Context, t *testing.T, all []device) {
	t.Helper()
	if err := tryAll(ctx, all); err != nil {
		t.Fatal(err)
	}
}

func newDevices(f *harness.Farm) []device {
	all := make([]device, devices)
	for i := range all {
		all[i] = device{f, fmt.Sprintf("PC-%03d", i+1)}
	}
	return all
}

// startScarce runs a farm with fewer CALs than devices, which all hold a validated
// temporary token.
func startScarce(ctx context.Context, t *testing.T) (*harness.Farm, []device) {
	t.Helper()
	f := newFarm(t)
	f.TermServArgs = []string{"--license-server-timeout", "1m"} // the machine may be slow
	for _, err := range []error{f.StartLServer(ctx), f.Enroll(ctx, cals), f.StartTermServ(ctx)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	all := newDevices(f)
	connectAll(ctx, t, all)
	wantKinds(ctx, t, all, map[string]int{"temporary": devices})
	return f, all
}

// wantKinds counts what the devices hold.
func wantKinds(ctx context.Context, t *testing.T, all []device, want map[string]int) {
	t.Helper()
	var mu sync.Mutex
	got := map[string]int{}
	err := everybody(ctx, all, func(ctx context.Context, d device) error {
		kinds, err := d.kinds(ctx)
		mu.Lock()
		defer mu.Unlock()
		got[strings.Join(kinds, " and ")]++
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(got, want) {
		t.Fatalf("devices hold %v, want %v", got, want)
	}
}

// wantSold holds that the license server has issued every CAL, each to one device.
func wantSold(ctx context.Context, t *testing.T, f *harness.Farm) {
	t.Helper()
	shown, err := f.Show(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, pack := range shown.KeyPacks {
		if pack.Kind == "CAL" && (pack.Total != cals || pack.Issued != cals || pack.Available != 0) {
			t.Errorf("the license server says of its key pack %+v, want %d of %d issued", pack, cals, cals)
		}
	}
	var holders, ids []string
	for _, token := range shown.Tokens {
		if token.Kind == "CAL" {
			holders, ids = append(holders, token.HardwareID), append(ids, token.LicenseID)
		}
	}
	slices.Sort(holders)
	slices.Sort(ids)
	if n, m := len(slices.Compact(holders)), len(slices.Compact(ids)); n != cals || m != cals || len(holders) > cals {
		t.Errorf("%d rows of CALs for %d devices with %d ids, want %d of each", len(holders), n, m, cals)
	}
}

// TestManyClientsFewCALs: the shipped programs, all on one machine: a terminal server
// and a license server of its own beside it.
//
// proves R1, R36
func TestManyClientsFewCALs(t *testing.T) {
	ctx := bounded(t)
	f, all := startScarce(ctx, t)
	connectAll(ctx, t, all)
	want := map[string]int{"CAL": cals, "temporary": devices - cals}
	wantKinds(ctx, t, all, want)
	wantSold(ctx, t, f)
	connectAll(ctx, t, all)
	wantKinds(ctx, t, all, want)
	wantSold(ctx, t, f)
}

// TestLicenseServerKilled kills the license server while it sells and starts it again.
func TestLicenseServerKilled(t *testing.T) {
	ctx := bounded(t)
	f, all := startScarce(ctx, t)
	done := make(chan error, 1)
	go func() { done <- tryAll(ctx, all) }()
	if _, err := f.LServerLog.Await(ctx, "token.upgraded"); err != nil {
		t.Fatal(err)
	}
	f.LServer.Kill()
	if err := f.StartLServer(ctx); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	connectAll(ctx, t, all) // who was not served, or not answered, asks again
	connectAll(ctx, t, all)
	wantKinds(ctx, t, all, map[string]int{"CAL": cals, "temporary": devices - cals})
	wantSold(ctx, t, f)
}
