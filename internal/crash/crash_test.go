package crash

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// asChild in the environment makes the test binary a program with steps.
const asChild = "TSLAB_TEST_CRASH_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(asChild) != "" {
		child()
		return
	}
	os.Exit(m.Run())
}

// child goes through two exchanges, one of them in a context, and prints each step.
func child() {
	defer fmt.Println("cleaned up")
	for _, exchange := range []string{"Allocate", "Mark"} {
		for _, step := range []Step{Asked, BeforeStore} {
			fmt.Println(At(exchange, step))
			Here(exchange, step)
		}
		ctx := In(context.Background(), exchange)
		fmt.Println(At(exchange, AfterStore))
		Within(ctx, AfterStore)
	}
	Within(context.Background(), AfterStore) // of no exchange
}

// run is what the child prints with the point, and whether it was killed.
func run(t *testing.T, at Point) (printed string, killed bool) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), asChild+"=1", Variable+"="+string(at))
	out, err := cmd.Output()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		t.Fatal(err)
	}
	return strings.Join(strings.Fields(string(out)), " "), err != nil && cmd.ProcessState.ExitCode() != 0
}

// TestDiesThere: a program dies at the step that is named, without cleaning up, and at
// no other; without a name it lives.
func TestDiesThere(t *testing.T) {
	const whole = "Allocate/asked Allocate/before-store Allocate/after-store Mark/asked Mark/before-store Mark/after-store cleaned up"
	for at, want := range map[Point]string{
		"":                          whole,
		"Return/asked":              whole,
		"Mark":                      whole,
		At("Allocate", Asked):       "Allocate/asked",
		At("Allocate", AfterStore):  "Allocate/asked Allocate/before-store Allocate/after-store",
		At("Mark", BeforeStore):     "Allocate/asked Allocate/before-store Allocate/after-store Mark/asked Mark/before-store",
		At("Mark", AfterStore):      strings.TrimSuffix(whole, " cleaned up"),
		At("Mark", Step("no-step")): whole,
		At("Allocate", BeforeStore): "Allocate/asked Allocate/before-store",
	} {
		if got, killed := run(t, at); got != want || killed != (want != whole) {
			t.Errorf("%q: printed %q, killed %v; want %q", at, got, killed, want)
		}
	}
}

// TestCostsNothing: a program that is not to die keeps its context.
func TestCostsNothing(t *testing.T) {
	ctx := t.Context()
	if In(ctx, "Allocate") != ctx {
		t.Error("another context in a program that lives")
	}
	if n := testing.AllocsPerRun(100, func() {
		Here("Allocate", AfterStore)
		Within(ctx, AfterStore)
	}); n != 0 {
		t.Errorf("%v allocations at a step", n)
	}
}
