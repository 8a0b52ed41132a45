//go:build linux

package tcx

import (
	"strings"

	"github.com/cilium/ebpf/asm"

	"github.com/tslab/tslab/netlab/fault"
	"github.com/tslab/tslab/wire/licensing"
	"github.com/tslab/tslab/wire/rdp"
)

const (
	tslsFamily = "tsls."
	dnsPort    = 53
)

// sealed says why the kernel cannot find a message; "" when it can.
func sealed(message string) string {
	if strings.HasPrefix(message, tslsFamily) {
		return "it is inside TLS"
	}
	return ""
}

// message lets go of packets in which the message does not begin. Of the licensing
// messages in a segment it sees the first; what is encrypted it does not see.
func (b *builder) message(name string) {
	port, kind, datagram := fault.Datagram(name)
	if !datagram {
		b.carries(miss, fault.ProtocolTCP)
		b.content(miss)
		b.licensing(miss)
		b.add(asm.JNE.Imm(asm.R1, int32(licensingType(name)), miss))
		return
	}
	b.carries(miss, fault.ProtocolUDP)
	b.content(miss)
	b.port(port, miss)
	if port == dnsPort {
		b.question()
	} else { // behind magic and version of a locate datagram
		b.load(payload, 0, 6, content, miss)
		b.add(asm.LoadMem(asm.R1, asm.R10, content+5, asm.Byte))
	}
	b.add(asm.JNE.Imm(asm.R1, int32(kind), miss))
}

func licensingType(name string) licensing.Type {
	for t := range 256 {
		if licensing.Type(t).String() == name {
			return licensing.Type(t)
		}
	}
	return 0
}

// licensing leaves in R1 the type of the licensing message that the content begins
// with: TPKT, X.224 Data, MCS SendData, a security header that says so and that the
// message is plain (MS-RDPBCGR 2.2.8.1.1.1.1).
func (b *builder) licensing(other string) {
	const (
		x224     = content + 4
		mcs      = x224 + 3
		length   = mcs + 6
		security = length + 1
		enough   = 20 // up to the type, behind the longer length
	)
	long, found := b.unique(), b.unique()
	b.load(payload, 0, enough, content, other)
	b.add(
		asm.LoadMem(asm.R1, asm.R10, content, asm.Byte), asm.JNE.Imm(asm.R1, 3, other),
		asm.LoadMem(asm.R1, asm.R10, x224, asm.Byte), asm.JNE.Imm(asm.R1, 2, other),
		asm.LoadMem(asm.R1, asm.R10, x224+1, asm.Byte), asm.JNE.Imm(asm.R1, 0xf0, other),
		asm.LoadMem(asm.R1, asm.R10, mcs, asm.Byte), asm.RSh.Imm(asm.R1, 2),
	)
	sends := b.unique()
	b.add(
		asm.JEq.Imm(asm.R1, int32(rdp.MCSSendRequest), sends),
		asm.JNE.Imm(asm.R1, int32(rdp.MCSSendIndication), other),
	)
	b.label(sends)
	b.add(asm.LoadMem(asm.R1, asm.R10, length, asm.Byte), asm.JSet.Imm(asm.R1, 0x80, long))
	for _, at := range []int16{security, security + 1} { // X.691 10.9: one byte of length or two
		if at != security {
			b.label(long)
		}
		b.add(
			asm.LoadMem(asm.R2, asm.R10, at, asm.Byte), // the low byte of the flags
			asm.LoadMem(asm.R1, asm.R10, at+4, asm.Byte),
		)
		if at == security {
			b.add(asm.Ja.Label(found))
		}
	}
	b.label(found)
	b.add(asm.JSet.Imm(asm.R2, int32(rdp.SecEncrypt), other), asm.And.Imm(asm.R2, int32(rdp.SecLicense)), asm.JEq.Imm(asm.R2, 0, other))
}

// question leaves in R1 the type that the first question of a DNS message asks for
// (RFC 1035 4.1.2). It walks over the labels of the name.
func (b *builder) question() {
	const header, maxLabels = 12, 128
	b.load(payload, 0, header, content, miss)
	b.big16(asm.R1, content+4)
	b.add(asm.JEq.Imm(asm.R1, 0, miss), asm.Add.Imm(payload, header), asm.StoreImm(asm.R10, scratch, maxLabels, asm.Word))
	next, last := b.unique(), b.unique()
	b.label(next)
	b.load(payload, 0, 1, content, miss)
	b.add(
		asm.LoadMem(asm.R1, asm.R10, content, asm.Byte),
		asm.Add.Imm(payload, 1),
		asm.JEq.Imm(asm.R1, 0, last),
		asm.Add.Reg(payload, asm.R1),
		asm.LoadMem(asm.R1, asm.R10, scratch, asm.Word),
		asm.Sub.Imm(asm.R1, 1),
		asm.StoreMem(asm.R10, scratch, asm.R1, asm.Word),
		asm.JNE.Imm(asm.R1, 0, next),
		asm.Ja.Label(miss),
	)
	b.label(last)
	b.load(payload, 0, 2, content, miss)
	b.big16(asm.R1, content)
}
