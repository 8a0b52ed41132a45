// Package relay is the userspace wire: the engine that does every fault, without root.
//
// While a fault lies on a cable, its port is out of the bridge and the frames of the
// host pass through this process, read from memory that the kernel writes them into
// (TPACKETv2) and written to a packet socket. A cable without a fault is as fast as it
// was: nothing of this package is in its way.
//
// Each direction of a cable is a lane. When a frame comes, the faults of the lane, in
// the order in which they were laid, decide at once what becomes of it and when it
// leaves; frames that do not leave at once wait in a queue ordered by that moment.
// Nothing sleeps for a frame, so that a delay costs no throughput.
//
// When a fault is removed, what waits in its lanes leaves at once, in order. Frames of
// other than IPv4, IPv6 and ARP do not pass.
//
// A capture of the port holds what the host sends as it was sent; what this package
// forges (the resets, the second copy of a frame) is in no capture.
package relay
