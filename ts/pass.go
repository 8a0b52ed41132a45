package ts

import (
	"context"
	"time"

	"github.com/tslab/tslab/ts/policy"
	"github.com/tslab/tslab/wire/tsls"
)

// probe is a discovery pass, as far as there is one name to look at: it asks whether
// the license server lives. A pass that finds none is event 1010 (rule V6). A
// terminal server for remote administration seeks none.
func (c *catalog) probe(ctx context.Context) {
	now := c.server.setup()
	if now.mode == policy.ModeAdmin {
		return
	}
	if now.licenseServer != "" {
		if _, _, err := c.call(ctx, now.licenseServer, tsls.Ping{}); err == nil || ctx.Err() != nil {
			return
		}
	}
	c.server.config.Events.Event(systemKind(policy.EventNoLicenseServer, now.profile))
}

// pause is how long after a probe the next one is due.
func (c *catalog) pause() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.found {
		return time.Duration(c.server.profile().VerifyMin) * time.Minute
	}
	return time.Duration(c.server.profile().RetryMin) * time.Minute
}

// seek wants a pass at once. Those that are wanted at one time are one.
func (c *catalog) seek(w want) {
	c.mu.Lock()
	c.wanted = max(c.wanted, w)
	c.mu.Unlock()
	c.server.wake()
}

// sought takes the want.
func (c *catalog) sought() want {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := c.wanted
	c.wanted = wantNothing
	return w
}

// seeking reports whether a pass is wanted.
func (c *catalog) seeking() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.wanted != wantNothing
}
