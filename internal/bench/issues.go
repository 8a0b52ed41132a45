package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/tslab/tslab/internal/harness"
	"github.com/tslab/tslab/internal/identity"
	"github.com/tslab/tslab/internal/transport"
	"github.com/tslab/tslab/wire/hwid"
	"github.com/tslab/tslab/wire/tsls"
)

// paperIssues is the load of the white paper's figures: 6,000 licenses.
const paperIssues = 6000

// issues measures the license server alone, over its own protocol: how many tokens a
// second are durable before they are answered, and what it holds.
func issues(ctx context.Context, bin string, span time.Duration, print func(figure)) error {
	for _, conns := range []int{1, 8} {
		for _, calls := range []int{1, 8, 64} {
			if conns > 1 && calls < 64 {
				continue
			}
			if err := farm(bin, func(f *harness.Farm) error { return issueRate(ctx, f, conns, calls, span, print) }); err != nil {
				return fmt.Errorf("issues: %w", err)
			}
		}
	}
	return farm(bin, func(f *harness.Farm) error { return holds(ctx, f, print) })
}

// stocked starts a license server with a key pack.
func stocked(ctx context.Context, f *harness.Farm) error {
	if err := f.StartLServer(ctx); err != nil {
		return err
	}
	return f.Enroll(ctx, 100)
}

func issueRate(ctx context.Context, f *harness.Farm, conns, calls int, span time.Duration, print func(figure)) error {
	if err := stocked(ctx, f); err != nil {
		return err
	}
	before, err := harness.CPU(f.LServer.PID())
	if err != nil {
		return err
	}
	begin := time.Now()
	n, err := load(ctx, f, conns, calls, func(int64) bool { return time.Since(begin) < span })
	elapsed := time.Since(begin)
	after, cpuErr := harness.CPU(f.LServer.PID())
	if err := errors.Join(err, cpuErr); err != nil {
		return err
	}
	name := fmt.Sprintf("durable tokens, %d at once", conns*calls)
	print(figure{name, float64(n) / elapsed.Seconds(), "tokens/s"})
	print(figure{name + ", server CPU", float64((after - before).Microseconds()) / float64(n), "us each"})
	return nil
}

// load asks for temporary tokens of new devices as long as more says so, which is
// told how many were asked for before.
func load(ctx context.Context, f *harness.Farm, conns, calls int, more func(asked int64) bool) (int64, error) {
	id, err := identity.LoadOrCreate(f.Path("bench"), "bench")
	if err != nil {
		return 0, err
	}
	var asked, answered atomic.Int64
	var workers sync.WaitGroup
	errs := make(chan error, conns*calls)
	for range conns {
		conn, err := transport.Dial(ctx, f.LServerAddr, id.ClientTLS(f.LServerAddr, identity.OpenPins(f.Path("bench")), nil), tsls.Hello{Version: tsls.Version, Name: "bench"})
		if err != nil {
			return 0, err
		}
		defer conn.Close()
		for range calls {
			workers.Go(func() {
				for more(asked.Add(1)-1) && ctx.Err() == nil {
					if err := issue(ctx, conn); err != nil {
						errs <- err
						return
					}
					answered.Add(1)
				}
			})
		}
	}
	workers.Wait()
	close(errs)
	return answered.Load(), errors.Join(<-errs, ctx.Err())
}

// issue gets a temporary token for a device that was never seen.
func issue(ctx context.Context, conn *transport.Conn) error {
	var data [16]byte
	if _, err := rand.Read(data[:]); err != nil {
		return err
	}
	answer, err := conn.Call(ctx, tsls.Allocate{
		Request: tsls.RequestTemp, HardwareID: hwid.New(0xff010000, data), PlatformID: 0xff010000,
		Machine: fmt.Sprintf("PC-%x", data[:4]), User: "lab", Mode: "device", Edition: "w2k-sp3",
	})
	if err != nil {
		return err
	}
	if a, ok := answer.(tsls.Allocated); !ok || len(a.License) == 0 {
		return fmt.Errorf("a new device is answered %+v", answer)
	}
	return nil
}

// holds measures memory and disk, idle and after the white paper's load.
func holds(ctx context.Context, f *harness.Farm, print func(figure)) error {
	if err := stocked(ctx, f); err != nil {
		return err
	}
	idle, _, err := settled(ctx, f.LServer.PID())
	if err != nil {
		return err
	}
	print(figure{"license server's memory, idle", megabytes(idle), "MB"})
	n, err := load(ctx, f, 1, 64, func(asked int64) bool { return asked < paperIssues })
	if err != nil {
		return err
	}
	now, peak, err := settled(ctx, f.LServer.PID())
	if err != nil {
		return err
	}
	disk, err := diskUse(f.Path("lserver"))
	if err != nil {
		return err
	}
	print(figure{fmt.Sprintf("license server's memory after %d licenses", n), megabytes(now), "MB"})
	print(figure{fmt.Sprintf("license server's memory at most, %d licenses", n), megabytes(peak), "MB"})
	print(figure{fmt.Sprintf("state folder after %d licenses", n), float64(disk) / float64(n), "bytes/license"})
	return nil
}

// still is how long memory must not change: longer than the license server waits
// before it gives back what it does not need while idle.
const still = 3 * time.Second

// settled is what an idle process holds, and held at most, once that has stood still.
func settled(ctx context.Context, pid int) (now, peak int64, err error) {
	begin, before := time.Now(), int64(-1)
	ctx, cancel := context.WithTimeout(ctx, 10*still)
	defer cancel()
	err = harness.Until(ctx, "memory of an idle process to stand still", func() (bool, error) {
		if now, peak, err = harness.Memory(pid); now != before {
			begin, before = time.Now(), now
		}
		return time.Since(begin) >= still, err
	})
	return now, peak, err
}

func megabytes(bytes int64) float64 { return float64(bytes) / 1e6 }

// diskUse is what the files under dir take on the disk.
func diskUse(dir string) (int64, error) {
	var sum int64
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); ok {
			sum += stat.Blocks * 512
		}
		return nil
	})
	if errors.Is(err, os.ErrNotExist) {
		err = nil // a file of the store that came and went
	}
	return sum, err
}
