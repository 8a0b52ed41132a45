package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/tslab/tslab/netlab/netns"
)

// roleVariable makes this program a part of a measurement, in namespaces of its own.
const roleVariable = "TSLAB_BENCH_ROLE"

// sizeVariable has the size of the measurement in it, as JSON.
const sizeVariable = "TSLAB_BENCH_SIZE"

// size is how much is measured.
type size struct {
	Hosts   int           // of a large lab
	Rounds  int           // of which the median counts
	Flood   time.Duration // for how long
	Packets int           // past a fault, in a round
	Days    int           // of a drill
}

// sizeOf is the whole size, or a small one for a look at whether all figures are there.
func sizeOf(span time.Duration) size {
	if span < time.Second {
		return size{Hosts: 60, Rounds: 1, Flood: 100 * time.Millisecond, Packets: 2000, Days: 3}
	}
	return size{Hosts: 200, Rounds: 3, Flood: 2 * time.Second, Packets: 100_000, Days: 90}
}

// role plays the part that this process has, if it has one.
func role(ctx context.Context) (played bool, err error) {
	name := os.Getenv(roleVariable)
	if name == "" {
		return false, nil
	}
	var z size
	if err := json.Unmarshal([]byte(os.Getenv(sizeVariable)), &z); err != nil {
		return true, err
	}
	if name == roleSender {
		return true, sendFlood(z.Flood)
	}
	if name == roleAsker {
		return true, ask(ctx, z, os.Stdout)
	}
	ground := netns.UserGround
	if name == roleFault || name == roleFlood && os.Getuid() == 0 {
		ground = netns.RootGround
	}
	if !netns.Inside() {
		code, err := ground.Reexec(os.Args[1:])
		if err == nil && code != 0 {
			err = fmt.Errorf("the part %s ended with status %d", name, code)
		}
		return true, err
	}
	if ctx, err = netns.Enter(ctx); err != nil {
		return true, err
	}
	switch name {
	case roleHosts:
		return true, upAndDown(ctx, z, os.Stdout)
	case roleFlood:
		return true, flooded(ctx, z, os.Stdout)
	case roleDiscover:
		return true, asked(ctx, z, os.Stdout)
	case roleFault:
		return true, faulted(ctx, z, os.Stdout)
	}
	return true, fmt.Errorf("there is no part %q", name)
}

// playRole runs this program in a part and reads what it measured.
func playRole(ctx context.Context, name string, z size, figures any) error {
	text, err := json.Marshal(z)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "/proc/self/exe")
	cmd.Env = append(os.Environ(), roleVariable+"="+name, sizeVariable+"="+string(text))
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("the part %s: %w: %s", name, err, strings.TrimSpace(said.String()))
	}
	if err := json.Unmarshal(out.Bytes(), figures); err != nil {
		return fmt.Errorf("the part %s printed %q: %w", name, out.String(), err)
	}
	return nil
}

// absent says loudly that there is nothing to compare with, in place of the lines that
// would: a ratio of 0 is none.
func absent(print func(figure), reference string, err error, lines ...string) error {
	fmt.Fprintf(os.Stderr, "bench: NO COMPARISON with %s: %v; make deps-bench installs what is missing\n", reference, err)
	for _, line := range lines {
		print(figure{line + ": " + reference + " is absent", 0, "no ratio"})
	}
	return nil
}
