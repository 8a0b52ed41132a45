//go:build linux

package tcx

import (
	"fmt"
	"math"

	"github.com/cilium/ebpf/asm"
)

// What a program answers to the kernel (linux/bpf.h, enum tcx_action_base).
const (
	next = -1 // let the next program judge
	shot = 2  // drop
)

// Offsets in struct __sk_buff (linux/bpf.h).
const (
	skbLen      = 0
	skbMark     = 8
	skbProtocol = 16
	skbIfindex  = 40
)

// Registers that hold the same from the headers to the end of a program.
const (
	frame     = asm.R6 // struct __sk_buff
	transport = asm.R7 // where the transport header begins
	payload   = asm.R8 // where what it carries begins
	end       = asm.R9 // where the packet ends
)

// Places under the frame pointer.
const (
	protocol = -8   // of the transport header, as IP numbers it
	throw    = -16  // the frame's random number
	number   = -24  // which of the fault's frames this is, from 1
	mark     = -32  // the frame's own
	scratch  = -48  // 16 bytes
	ports    = -68  // 20 bytes: the beginning of the transport header
	network  = -112 // 40 bytes: the IP or ARP header
	content  = -176 // 64 bytes: the beginning of the payload
)

// The labels that every program has.
const (
	miss = "miss" // the frame is left alone
	done = "done" // so it is, when something has been done to it
)

// copied marks a frame that a program has made, so that none judges it again, as no
// capture records it: it was not sent. The mark stays in the switch; a frame loses it
// where it enters a host.
const copied = 0x7e51ab

// builder writes a program.
type builder struct {
	code   asm.Instructions
	labels int
	symbol string // of the next instruction
}

func (b *builder) add(instructions ...asm.Instruction) {
	for _, in := range instructions {
		if b.symbol != "" {
			in = in.WithSymbol(b.symbol)
			b.symbol = ""
		}
		b.code = append(b.code, in)
	}
}

// label names the next instruction.
func (b *builder) label(name string) {
	if b.symbol != "" { // two names for one place
		b.add(asm.Ja.Label(name))
	}
	b.symbol = name
}

// unique makes a name for a label.
func (b *builder) unique() string {
	b.labels++
	return fmt.Sprintf("at%d", b.labels)
}

// etherMark is the type of the frames that the recorder lets hosts send (IEEE 802,
// local experimental); they are no traffic of the lab.
const etherMark = 0x88b5

// begin keeps the frame and passes by what programs and the recorder have made.
func (b *builder) begin() {
	b.add(
		asm.Mov.Reg(frame, asm.R1),
		asm.LoadMem(asm.R1, frame, skbMark, asm.Word),
		asm.StoreMem(asm.R10, mark, asm.R1, asm.DWord),
		asm.JEq.Imm(asm.R1, copied, miss),
	)
	b.ether(etherMark, miss)
}

// finish is where frames go that are left alone.
func (b *builder) finish() {
	b.label(miss)
	b.add(asm.Mov.Imm(asm.R0, next), asm.Return())
}

// load copies n bytes at register + offset of the frame to a place under the frame
// pointer; register R10 stands for the frame's beginning. Frames that are shorter go
// to a label.
func (b *builder) load(register asm.Register, offset, n, place int32, short string) {
	b.add(asm.Mov.Reg(asm.R1, frame))
	if register == asm.R10 {
		b.add(asm.Mov.Imm(asm.R2, offset))
	} else {
		b.add(asm.Mov.Reg(asm.R2, register), asm.Add.Imm(asm.R2, offset))
	}
	b.add(
		asm.Mov.Reg(asm.R3, asm.R10), asm.Add.Imm(asm.R3, place),
		asm.Mov.Imm(asm.R4, n),
		asm.FnSkbLoadBytes.Call(),
		asm.JNE.Imm(asm.R0, 0, short),
	)
}

// big16 loads two bytes in network order from under the frame pointer.
func (b *builder) big16(to asm.Register, place int16) {
	b.add(asm.LoadMem(to, asm.R10, place, asm.Half), asm.HostTo(asm.BE, to, asm.Half))
}

// constant loads 64 bits.
func (b *builder) constant(r asm.Register, n uint64) {
	if n <= math.MaxInt32 {
		b.add(asm.Mov.Imm(r, int32(n)))
		return
	}
	b.add(asm.LoadImm(r, int64(n), asm.DWord))
}
