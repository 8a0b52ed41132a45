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
// The streams are read, too, with the programs' key logs: every licensing message and
// every message to or from a license server has a comment in plain words on the frame
// that completes it, inside of TLS 1.3 and RC4 as well; the keys of each licensing
// stand in a row behind its LICENSE_REQUEST; and what was under RC4, for which
// Wireshark takes no keys, is there a second time in the clear on an interface of its
// own. Messages returns what was read.
//
// A frame that was seen and not recorded is counted: in the statistics of its
// interface, in run.json, and by a drill that then cannot count packets.
package capture
