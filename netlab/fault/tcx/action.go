//go:build linux

package tcx

import (
	"github.com/cilium/ebpf/asm"

	"github.com/tslab/tslab/netlab/fault"
)

// Flags of helpers (linux/bpf.h).
const (
	redirectIngress = 1    // BPF_F_INGRESS of bpf_clone_redirect
	mangledZero     = 0x20 // BPF_F_MARK_MANGLED_0 of bpf_l4_csum_replace: UDP without a checksum keeps none
)

// act does to the frame what the fault is about.
func (b *builder) act(f fault.Fault, toHost bool) {
	switch f.Kind {
	case fault.Duplicate:
		b.duplicate(max(f.Copies, 1), toHost)
	case fault.Corrupt:
		b.corrupt(f.Checksum)
	default: // a fault of the kernel's kinds loses frames
		b.add(asm.Mov.Imm(asm.R0, shot), asm.Return())
	}
}

// duplicate sends copies of the frame the same way before it.
func (b *builder) duplicate(copies int, toHost bool) {
	way := int32(redirectIngress)
	if toHost {
		way = 0
	}
	again := b.unique()
	b.add(
		asm.Mov.Imm(asm.R1, copied), asm.StoreMem(frame, skbMark, asm.R1, asm.Word),
		asm.Mov.Imm(transport, int32(copies)),
	)
	b.label(again)
	b.add(
		asm.Mov.Reg(asm.R1, frame),
		asm.LoadMem(asm.R2, frame, skbIfindex, asm.Word),
		asm.Mov.Imm(asm.R3, way),
		asm.FnCloneRedirect.Call(),
		asm.Sub.Imm(transport, 1),
		asm.JNE.Imm(transport, 0, again),
		asm.LoadMem(asm.R1, asm.R10, mark, asm.DWord),
		asm.StoreMem(frame, skbMark, asm.R1, asm.Word),
	)
}

// corrupt changes one byte as fault.Damage does, and with fault.Renewed makes the
// checksum of TCP or UDP right again.
func (b *builder) corrupt(checksum fault.Checksum) {
	const (
		v4     = "damage4"
		v6     = "damage6"
		inside = "damage content"
		plain  = "damage frame"
		choose = "damage"
	)
	b.ether(fault.EtherIPv4, v4)
	b.ether(fault.EtherIPv6, v6)
	b.add(asm.Ja.Label(plain))
	b.label(v4)
	b.ipv4(plain)
	b.add(asm.Ja.Label(inside))
	b.label(v6)
	b.ipv6(plain)
	b.label(inside)
	b.content(plain)
	b.add(asm.Ja.Label(choose))
	b.label(plain) // anything behind the Ethernet header, and no checksum to renew
	b.add(asm.Mov.Imm(transport, 0), asm.Mov.Imm(payload, etherHeader), asm.LoadMem(end, frame, skbLen, asm.Word))
	b.add(asm.JGE.Reg(payload, end, miss))

	b.label(choose)
	b.second()
	b.add(
		asm.StoreMem(asm.R10, throw, asm.R1, asm.DWord),
		asm.RSh.Imm(asm.R1, 8),
		asm.Mov.Reg(asm.R2, end), asm.Sub.Reg(asm.R2, payload),
		asm.Mod.Reg(asm.R1, asm.R2),
		asm.Mov.Reg(end, payload), asm.Add.Reg(end, asm.R1), // where the byte is
	)
	b.load(end, 0, 1, scratch, miss)
	flip := b.unique()
	b.add(
		asm.LoadMem(asm.R1, asm.R10, throw, asm.DWord), asm.And.Imm(asm.R1, 0xff),
		asm.JNE.Imm(asm.R1, 0, flip), asm.Mov.Imm(asm.R1, 1),
	)
	b.label(flip)
	b.add(
		asm.LoadMem(asm.R2, asm.R10, scratch, asm.Byte),
		asm.StoreMem(asm.R10, throw, asm.R2, asm.DWord), // what the byte was
		asm.Xor.Reg(asm.R2, asm.R1),
		asm.StoreMem(asm.R10, scratch, asm.R2, asm.DWord),
		asm.Mov.Reg(asm.R1, frame), asm.Mov.Reg(asm.R2, end),
		asm.Mov.Reg(asm.R3, asm.R10), asm.Add.Imm(asm.R3, scratch),
		asm.Mov.Imm(asm.R4, 1), asm.Mov.Imm(asm.R5, 0),
		asm.FnSkbStoreBytes.Call(),
	)
	if checksum == fault.Renewed {
		b.renew()
	}
}

// renew takes the change of one byte into the checksum of TCP or UDP. A word of it
// begins at an even distance from the header, and the kernel takes words as they
// stand in memory.
func (b *builder) renew() {
	even, udp, replace, over := b.unique(), b.unique(), b.unique(), b.unique()
	b.add(
		asm.JEq.Imm(transport, 0, over),
		asm.LoadMem(asm.R3, asm.R10, throw, asm.DWord),
		asm.LoadMem(asm.R4, asm.R10, scratch, asm.DWord),
		asm.Mov.Reg(asm.R1, end), asm.Sub.Reg(asm.R1, transport), asm.And.Imm(asm.R1, 1),
		asm.JEq.Imm(asm.R1, 0, even),
		asm.LSh.Imm(asm.R3, 8), asm.LSh.Imm(asm.R4, 8),
	)
	b.label(even)
	b.add(
		asm.Mov.Reg(asm.R2, transport),
		asm.LoadMem(asm.R1, asm.R10, protocol, asm.DWord),
		asm.JEq.Imm(asm.R1, fault.ProtocolUDP, udp),
		asm.Add.Imm(asm.R2, checksumTCP), asm.Mov.Imm(asm.R5, 2),
		asm.Ja.Label(replace),
	)
	b.label(udp)
	b.add(asm.Add.Imm(asm.R2, checksumUDP), asm.Mov.Imm(asm.R5, 2|mangledZero))
	b.label(replace)
	b.add(asm.Mov.Reg(asm.R1, frame), asm.FnL4CsumReplace.Call())
	b.label(over)
}
