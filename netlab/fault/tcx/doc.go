// Package tcx is the eBPF engine: faults as programs in the kernel, for root.
//
// Each fault is a program of some hundred instructions at most for each direction of
// each cable, written with cilium/ebpf's assembler: no compiler is needed to build or
// to run the lab. It is attached to the switch's end of the cable (tcx, Linux 6.6),
// behind the recorder, so that what it loses stands in the capture as sent. This process
// holds the attachments; when it ends, however it ends, the cables are whole.
//
// A program decides as netlab/fault does for the userspace wire: the same filter, the
// same dice, the same damage. With one seed both engines lose the same frames. What
// needs a frame to be kept for a while (delay, rate, reorder), an answer to be made up
// (reset) or a message to be seen inside TLS it cannot do, and says so.
//
// Of the licensing messages in a segment a program sees the first alone.
package tcx
