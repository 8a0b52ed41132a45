//go:build linux

package tcx

import (
	"time"

	"github.com/cilium/ebpf/asm"

	"github.com/tslab/tslab/netlab/fault"
)

// The constants of splitmix64, as fault.Dice has them.
const (
	golden = 0x9e3779b97f4a7c15
	mixer1 = 0xbf58476d1ce4e5b9
	mixer2 = 0x94d049bb133111eb
)

// tally is what a fault counts for one cable and direction, in its map.
type tally struct{ Matched, Done uint64 }

const (
	tallySize = 16
	tallyDone = 8
)

// schedule lets go of frames while the fault does not work; since is when it was
// applied, by the machine's monotonic clock.
func (b *builder) schedule(s fault.Schedule, since time.Duration) {
	if s == (fault.Schedule{}) {
		return
	}
	b.add(asm.FnKtimeGetNs.Call(), asm.Mov.Reg(asm.R1, asm.R0))
	b.constant(asm.R2, uint64(since))
	b.add(asm.Sub.Reg(asm.R1, asm.R2))
	if s.From > 0 {
		b.constant(asm.R2, uint64(s.From))
		b.add(asm.JLT.Reg(asm.R1, asm.R2, miss))
	}
	if s.Until > 0 {
		b.constant(asm.R2, uint64(s.Until))
		b.add(asm.JGE.Reg(asm.R1, asm.R2, miss))
	}
	if s.Every > 0 {
		b.constant(asm.R2, uint64(s.From))
		b.add(asm.Sub.Reg(asm.R1, asm.R2))
		b.constant(asm.R2, uint64(s.Every))
		b.add(asm.Mod.Reg(asm.R1, asm.R2))
		b.constant(asm.R2, uint64(s.For))
		b.add(asm.JGE.Reg(asm.R1, asm.R2, miss))
	}
}

// count gives the frame its number among those that are the fault's business.
func (b *builder) count(counters int, index int) {
	// Version 0.22.0 of the assembler keeps the kind of an atomic operation in its opcode,
	// and forgets it when it writes the instruction: it must stand in the constant too.
	fetchAdd := asm.FetchAdd.Mem(asm.R1, asm.R2, asm.DWord, 0)
	fetchAdd.Constant = int64(asm.FetchAdd >> 8)
	b.add(
		asm.LoadMapValue(asm.R1, counters, uint32(index*tallySize)),
		asm.Mov.Imm(asm.R2, 1),
		fetchAdd,
		asm.Add.Imm(asm.R2, 1),
		asm.StoreMem(asm.R10, number, asm.R2, asm.DWord),
	)
}

// chosen lets go of frames that the fault does not name by number: what
// fault.Fault.Chosen says.
func (b *builder) chosen(f fault.Fault) {
	first, times := uint64(max(f.Nth, 1)), uint64(f.Times)
	if f.Nth > 0 && times == 0 {
		times = 1
	}
	b.add(asm.LoadMem(asm.R1, asm.R10, number, asm.DWord))
	if first > 1 {
		b.constant(asm.R2, first)
		b.add(asm.JLT.Reg(asm.R1, asm.R2, miss))
	}
	if times > 0 {
		b.constant(asm.R2, first+times)
		b.add(asm.JGE.Reg(asm.R1, asm.R2, miss))
	}
}

// chance throws the dice for the frame's number, as fault.Dice.Throw does.
func (b *builder) chance(d fault.Dice, percent float64) {
	b.add(asm.LoadMem(asm.R1, asm.R10, number, asm.DWord))
	b.constant(asm.R2, golden)
	b.add(asm.Mul.Reg(asm.R1, asm.R2))
	b.constant(asm.R2, d.Seed())
	b.add(asm.Add.Reg(asm.R1, asm.R2))
	b.mix()
	b.add(asm.StoreMem(asm.R10, throw, asm.R1, asm.DWord))
	if below, all := fault.Threshold(percent); !all {
		b.constant(asm.R2, below)
		b.add(asm.JGE.Reg(asm.R1, asm.R2, miss))
	}
}

// second is another throw for the same number, in R1.
func (b *builder) second() {
	b.add(asm.LoadMem(asm.R1, asm.R10, throw, asm.DWord))
	b.constant(asm.R2, golden)
	b.add(asm.Xor.Reg(asm.R1, asm.R2))
	b.mix()
}

// mix is splitmix64's output function on R1.
func (b *builder) mix() {
	for _, step := range []struct {
		shift int32
		by    uint64
	}{{30, mixer1}, {27, mixer2}, {31, 0}} {
		b.add(asm.Mov.Reg(asm.R2, asm.R1), asm.RSh.Imm(asm.R2, step.shift), asm.Xor.Reg(asm.R1, asm.R2))
		if step.by != 0 {
			b.constant(asm.R2, step.by)
			b.add(asm.Mul.Reg(asm.R1, asm.R2))
		}
	}
}

// note counts a frame that something is done to.
func (b *builder) note(counters int, index int) {
	b.add(
		asm.LoadMapValue(asm.R1, counters, uint32(index*tallySize+tallyDone)),
		asm.Mov.Imm(asm.R2, 1),
		asm.StoreXAdd(asm.R1, asm.R2, asm.DWord),
	)
}
