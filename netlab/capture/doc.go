// Package capture records the cables of a lab and assembles what they carried into
// one pcapng file.
//
// A cable is recorded in the switch, on the port that the host hangs on, by a packet
// socket with a memory-mapped ring (TPACKETv3). The kernel passes on only what comes
// in through the port, which is what the host sends: every frame of the lab stands in
// the file once, on the cable of its sender, so that Wireshark does not take the copy
// that leaves the switch again for a retransmission. A frame that the network lost is
// there too; whether it arrived is seen from the answer.
//
// While the lab runs, each cable goes to a file of its own, in the classic format
// with nanoseconds, readable after a crash. At the end they are merged by time behind
// the TLS secrets and the host names: a Decryption Secrets Block after the packets it
// is for is ignored. Rows of the lab's event logs stand between the packets as
// journal blocks, at the machine's time as all of the file, with the lab's date.
//
// What a packet means is not decided here beyond addresses and ports.
package capture
