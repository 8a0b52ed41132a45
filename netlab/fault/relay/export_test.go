//go:build linux

package relay

// Stall keeps the relay of a cable from reading until the function that it returns is
// called: what comes in the meantime waits in the rings.
func (e *Engine) Stall(link string) (resume func()) {
	e.mu.Lock()
	w := e.wires[link]
	e.mu.Unlock()
	for _, s := range w.sides {
		s.mu.Lock()
	}
	return func() {
		for _, s := range w.sides {
			s.mu.Unlock()
		}
	}
}

// MaxSlots is how many frames a ring holds at most.
const MaxSlots = maxSlots
