package fault

import (
	"net/netip"
	"time"
)

// Kind is what a fault does.
type Kind string

// The kinds. Verbs says of each what it takes.
const (
	Loss      Kind = "loss"      // a frame does not arrive, by chance
	Drop      Kind = "drop"      // what is named, by its number, does not arrive
	Duplicate Kind = "duplicate" // a frame arrives twice
	Reorder   Kind = "reorder"   // a frame is overtaken by those behind it
	Corrupt   Kind = "corrupt"   // a byte of a frame's content is another
	Truncate  Kind = "truncate"  // half of a message is missing, inside a program
	Delay     Kind = "delay"     // a frame arrives later, at no loss of rate
	Rate      Kind = "rate"      // no more than so many bits arrive in a second
	Cut       Kind = "cut"       // nothing arrives
	Flap      Kind = "flap"      // nothing arrives, again and again, by its schedule
	Reset     Kind = "reset"     // TCP connections are reset, at both ends
)

// Direction is which way a fault works, seen from the host it is laid on.
type Direction string

// The directions.
const (
	Both Direction = ""     // either way
	From Direction = "from" // what the host sends
	To   Direction = "to"   // what the host receives
)

// Checksum says what becomes of the checksums of a frame that is corrupted.
type Checksum string

// The ways.
const (
	Renewed Checksum = ""     // of TCP and UDP they are made right again, so that the damage reaches the program; frames without content are left alone
	Kept    Checksum = "kept" // they stay: the receiver's kernel finds the damage and drops the frame
)

// Level is where a fault that names a message works.
type Level string

// The levels.
const (
	ByMessage Level = ""         // Endpoint for messages over TCP, Wire for those in datagrams
	Wire      Level = "wire"     // the frame in which the message begins; TCP sends it again
	Endpoint  Level = "endpoint" // in the program, which never sends or never sees the message
)

// Fault is one thing that goes wrong. The zero value is not valid; see [Fault.Check].
type Fault struct {
	Name string `json:"name"`
	Kind Kind   `json:"kind"`

	// Where.
	Host      string    `json:"host"`
	Interface string    `json:"interface,omitempty"` // as "eth0"; all of the host's when empty
	Direction Direction `json:"direction,omitempty"`
	Level     Level     `json:"level,omitempty"`

	// Which frames. All that is named must hold.
	Peers    []string `json:"peers,omitempty"`    // host names: frames to or from one of them
	Protocol string   `json:"protocol,omitempty"` // "tcp", "udp", "icmp", "arp", "ipv4" or "ipv6"
	Port     uint16   `json:"port,omitempty"`     // of TCP or UDP, at either end
	Message  string   `json:"message,omitempty"`  // that begins in the frame; see MessageNames
	Nth      int      `json:"nth,omitempty"`      // of those, from the nth on, counted from 1 for each cable and direction; 0 for all
	Times    int      `json:"times,omitempty"`    // so many of them; 0 for one with Nth, else for all

	// How.
	Percent  float64       `json:"percent,omitempty"` // the chance, above 0 and up to 100; 0 stands for 100 where it may be left out
	Delay    time.Duration `json:"delay_ns,omitempty"`
	Jitter   time.Duration `json:"jitter_ns,omitempty"` // the delay is even between Delay-Jitter and Delay+Jitter
	Overtake bool          `json:"overtake,omitempty"`  // with jitter: frames may overtake each other; else they keep their order
	Gap      int           `json:"gap,omitempty"`       // of reorder: how many frames overtake; 0 for one
	Kilobits int           `json:"kbit,omitempty"`      // of rate: 1000 bits in a second, of whole Ethernet frames
	Burst    int           `json:"burst,omitempty"`     // of rate: bytes that may go at once after a lull; 0 for DefaultBurst
	Queue    int           `json:"queue,omitempty"`     // of rate: bytes that wait at most, what is more is lost; 0 for DefaultQueue
	Checksum Checksum      `json:"checksum,omitempty"`  // of corrupt
	Copies   int           `json:"copies,omitempty"`    // of duplicate: how many more arrive; 0 for one
	Seed     uint64        `json:"seed"`                // of its dice
	Schedule Schedule      `json:"schedule,omitzero"`   // when; always when zero
}

// Defaults of a fault of kind rate, and how long a frame that is to be reordered
// waits for others to overtake it.
const (
	DefaultBurst  = 1 << 14
	DefaultQueue  = 1 << 18
	DefaultHold   = 50 * time.Millisecond
	MaxDelay      = time.Hour
	maxCopies     = 100
	maxGap        = 1000
	maxKilobits   = 100_000_000
	smallestFrame = 1514 // an Ethernet frame of the usual MTU must fit into burst and queue
)

// Chance says whether the fault throws dice.
func (f Fault) Chance() bool {
	return f.Percent > 0 && f.Percent < 100 || f.Jitter > 0 || f.Kind == Corrupt
}

// Link is a cable of the lab as an engine finds it.
type Link struct {
	Name      string       // as in the capture: "ts1:eth0"
	Port      string       // its near end's interface, in the switch's network namespace
	Bridge    string       // that the port belongs to, in the same
	Addresses []netip.Addr // of its far end, the host
}

// Placed is a fault with the places of one lab: the value that engines work with.
type Placed struct {
	Fault
	Links []Link       // at least one
	Peers []netip.Addr // the addresses of Fault.Peers; empty for everybody
}

// Counter is what a fault has done to one direction of one cable so far.
type Counter struct {
	Fault   string `json:"fault"`
	Link    string `json:"link"`
	ToHost  bool   `json:"to_host"` // what the host receives, else what it sends
	Matched uint64 `json:"matched"` // frames, or messages, that were its business while it was active
	Done    uint64 `json:"done"`    // of those, the ones it did something to
}

// Engine lays faults on cables. Its methods may be called from several goroutines.
type Engine interface {
	// Apply makes the fault work. When it returns, the next frame is subject to it. It
	// fails with *UnsupportedError for what the engine cannot do, and changes nothing
	// when it fails.
	Apply(Placed) error
	// Remove heals the fault of that name. When it returns, the next frame is free of it.
	Remove(name string) error
	// Counters counts so far, in the order of application.
	Counters() []Counter
	// Close heals everything.
	Close() error
}

// UnsupportedError says that an engine cannot do a fault.
type UnsupportedError struct {
	Engine string // "ebpf", "user"
	Fault  string // its name
	What   string // what the engine cannot do, as "delay"
	Why    string // may be empty
}

func (e *UnsupportedError) Error() string {
	s := "fault " + e.Fault + ": the engine " + e.Engine + " cannot do " + e.What
	if e.Why != "" {
		s += ": " + e.Why
	}
	if e.Engine != "user" {
		s += "; use --engine user"
	}
	return s
}
