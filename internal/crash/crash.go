// Package crash lets a program die in the midst of what it does: at a step that has a
// name, at once, without any cleaning up, as SIGKILL ends it.
//
// The step is named in the environment, so that a user's program has none of it: there
// a step is one comparison with an empty text. [Points] lists all of them; that each
// can be survived is shown by internal/e2e, whose findings are docs/guarantees.md.
//
// What is lost with a machine's power is not the matter here: that what is said to be
// on the disk is there is for internal/durable and bbolt, which flush.
package crash

import (
	"context"
	"os"
)

// Variable names the environment variable that holds the [Point] to die at.
const Variable = "TSLAB_CRASH"

// Step is a step of an exchange, seen from the program that dies.
type Step string

// The steps, in their order.
const (
	// Asked: the request has come, and nothing has been done about it.
	Asked Step = "asked"
	// Answered: who had to be asked has answered, and nothing has been done about that.
	Answered Step = "answered"
	// BeforeStore: all is decided, and nothing of it is on the disk.
	BeforeStore Step = "before-store"
	// AfterStore: it is on the disk, and nobody has heard of it, the event log included.
	AfterStore Step = "after-store"
	// BeforeReply: the answer is made, and not sent.
	BeforeReply Step = "before-reply"
	// AfterReply: the answer is sent.
	AfterReply Step = "after-reply"
)

// armed is the point to die at; it never changes.
var armed = Point(os.Getenv(Variable))

// Point is a step of an exchange: EXCHANGE/STEP.
type Point string

// At is the point of a step of an exchange.
func At(exchange string, step Step) Point { return Point(exchange + "/" + string(step)) }

// Here ends the program if this is the point that it is to die at.
func Here(exchange string, step Step) {
	if armed != "" && armed == At(exchange, step) {
		die()
	}
}

// key is that of the exchange in a context.
type key struct{}

// Armed says that the program is to die at some point.
func Armed() bool { return armed != "" }

// In returns a context that knows which exchange this is, for the steps that are
// taken where nobody knows what for.
func In(ctx context.Context, exchange string) context.Context {
	if armed == "" {
		return ctx
	}
	return context.WithValue(ctx, key{}, exchange)
}

// Within is [Here] for the exchange of the context, if it has one.
func Within(ctx context.Context, step Step) {
	if armed == "" {
		return
	}
	if exchange, ok := ctx.Value(key{}).(string); ok {
		Here(exchange, step)
	}
}

// die does not return. A process that is killed may run on for a moment, elsewhere.
func die() {
	if p, err := os.FindProcess(os.Getpid()); err == nil {
		_ = p.Kill() // the exit status says so if it cannot be
	}
	os.Exit(killed)
}

// killed is the exit status by which shells tell a program that was killed.
const killed = 128 + 9
