package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tslab/tslab/internal/harness"
)

// runs is how often a lab is started; the median counts.
const runs = 5

// labStart measures from the command to the first packet in the capture, and to the
// end of the drill.
func labStart(ctx context.Context, bin string, _ time.Duration, print func(figure)) error {
	dir, err := os.MkdirTemp("", "tslab-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var packet, end []float64
	for range runs {
		begin := time.Now()
		p, err := harness.Start(dir, nil, "", filepath.Join(bin, "tslab"), "run", "first-logon")
		if err != nil {
			return err
		}
		defer p.Kill()
		if code, err := p.Wait(ctx); code != 0 || err != nil {
			return fmt.Errorf("tslab run first-logon: exit status %d, %v:\n%s", code, err, p.Output())
		}
		end = append(end, time.Since(begin).Seconds()*1000)
		first, err := firstPacket(ctx, filepath.Join(dir, "runs", "first-logon", "lab.pcapng"))
		if err != nil {
			return err
		}
		packet = append(packet, first.Sub(begin).Seconds()*1000)
	}
	print(figure{"lab of four hosts, start to first packet", median(packet), "ms"})
	print(figure{"drill first-logon, start to end", median(end), "ms"})
	return nil
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

// firstPacket reads the time of the first frame.
func firstPacket(ctx context.Context, path string) (time.Time, error) {
	if err := harness.Need("tshark"); err != nil {
		return time.Time{}, err
	}
	out, err := exec.CommandContext(ctx, "tshark", "-r", path, "-Y", "eth", "-c", "50", "-T", "fields", "-e", "frame.time_epoch").Output()
	if err != nil {
		return time.Time{}, fmt.Errorf("tshark: %w", err)
	}
	text, _, _ := strings.Cut(string(out), "\n")
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("%s holds no packet: %q", path, text)
	}
	return time.UnixMicro(int64(seconds * 1e6)), nil
}
