package fault

import "math"

// Dice decide what becomes of each frame of one cable and direction. They have no
// state: the n-th frame gets the same throw whenever it is asked, so that a program
// in the kernel with a counter decides as this does.
type Dice struct{ seed uint64 }

// NewDice are the dice of a fault for one direction of the cable of that name. Every
// cable and direction has dice of its own: a broadcast may reach one host and not the
// other.
func NewDice(seed uint64, link string, toHost bool) Dice {
	h := seed ^ fnvOffset
	for i := range len(link) {
		h = (h ^ uint64(link[i])) * fnvPrime
	}
	if toHost {
		h ^= golden
	}
	return Dice{mix(h)}
}

const (
	fnvOffset = 0xcbf29ce484222325 // FNV-1a, 64 bits
	fnvPrime  = 0x100000001b3
	golden    = 0x9e3779b97f4a7c15 // splitmix64's increment
)

// Seed is the dice's own number, for an engine that throws by itself: throw n is
// Mix(Seed + n*0x9e3779b97f4a7c15), with wrap-around.
func (d Dice) Seed() uint64 { return d.seed }

// Throw is the n-th throw, n counted from 1.
func (d Dice) Throw(n uint64) uint64 { return mix(d.seed + n*golden) }

// Second is another throw for the same n, for what must not hang on the first: how
// long a delay is, which byte is damaged.
func (d Dice) Second(n uint64) uint64 { return mix(d.Throw(n) ^ golden) }

// mix is the output function of splitmix64.
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// Threshold is the number that a throw must be below for a chance of so many percent.
// With all, 0 and 100 percent, every throw will do.
func Threshold(percent float64) (below uint64, all bool) {
	if percent <= 0 || percent >= 100 {
		return math.MaxUint64, true
	}
	return uint64(math.Ldexp(percent/100, 63)) << 1, false
}
