package gossip

import "time"

// Pace is how often what happens, in elapsed time. A zero field stands for its
// default.
type Pace struct {
	Rejoin       time.Duration // between two knocks at the door of a server that is not seen (5 s)
	Coalesce     time.Duration // how long counts that only went up or down wait for more (1 s)
	Round        time.Duration // of gossip: sends what was lost again (200 ms)
	Probe        time.Duration // between two looks at whether a member lives (2 s)
	ProbeTimeout time.Duration // for the answer (500 ms)
	PushPull     time.Duration // between two whole exchanges with a member (1 min)
	Stream       time.Duration // for making a stream, and for each read and write on it (2 s)
	Leave        time.Duration // for saying goodbye (300 ms)
	Retransmit   int           // how often news is sent again, times the logarithm of the members (2)
	Direct       int           // how many members hear news from its owner at once (64; negative: none, and no digests)
}

// LAN is memberlist's own pace for local networks, for comparison.
func LAN() Pace {
	return Pace{
		Round: 200 * time.Millisecond, Probe: time.Second, ProbeTimeout: 500 * time.Millisecond, PushPull: 30 * time.Second,
		Stream: 10 * time.Second, Retransmit: 4, Direct: -1,
	}
}

func (p Pace) withDefaults() Pace {
	for _, f := range []struct {
		v *time.Duration
		d time.Duration
	}{
		{&p.Rejoin, 5 * time.Second}, {&p.Coalesce, time.Second}, {&p.Round, 200 * time.Millisecond},
		{&p.Probe, 2 * time.Second}, {&p.ProbeTimeout, 500 * time.Millisecond}, {&p.PushPull, time.Minute},
		{&p.Stream, 2 * time.Second}, {&p.Leave, 300 * time.Millisecond},
	} {
		if *f.v <= 0 {
			*f.v = f.d
		}
	}
	if p.Retransmit <= 0 {
		p.Retransmit = 2
	}
	if p.Direct == 0 {
		p.Direct = 64
	}
	return p
}
