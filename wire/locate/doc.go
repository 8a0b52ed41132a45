// Package locate is the datagram by which license servers of a workgroup are found: a
// query that is broadcast, and a reply of each license server that it means. This
// comment is the whole of the protocol.
//
// # Transport
//
// UDP, port 3345. A query goes to the subnet broadcast address of every interface
// with an IPv4 address, and to ff02::1 (all nodes of the link) on every interface
// with an IPv6 one; or to one address. A reply goes to the address and port that the
// query came from, over the interface that it came in on, with the license server's
// own address there as its source. That address and the port in the reply are where
// the license server protocol (wire/tsls) is spoken.
//
// A reply is never longer than its query: queries are padded to 512 bytes, which no
// reply exceeds. A license server answers nobody who is not on a directly attached
// network, and no source more often than it allows.
//
// Nothing here is authenticated, as nothing was in that era: a reply is a hint where
// to ask. The key, the edition and the certificate are looked at over TLS.
//
// # Datagrams
//
// Integers are little-endian. Both datagrams begin with
//
//	offset  size
//	0       4     "TSLD"
//	4       1     version, 1
//	5       1     kind: 1 query, 2 reply
//	6       16    nonce: chosen by who asks, repeated in the reply
//
// A query goes on with
//
//	scope u8, group text, name text, zeros up to 512 bytes
//
// and a reply, which ends with its last field, with
//
//	name text, port u16, server id text, edition text, scope u8, group text, flags u8, features u32
//
// A text is its length in one byte, then that many bytes of UTF-8: at most 64 for a
// server id, 16 for an edition, 255 for the others. The scope is 1 workgroup, 2
// domain, 3 enterprise; in a query 0 means any, and so do an empty group and an empty
// name. Groups and names are compared without regard to case. Flag bit 0 says that
// the license server is activated; the other bits are zero. Features are those of
// wire/tsls.
//
// A license server answers a query whose scope, group and name mean it.
//
// # Versions
//
// A datagram of another version is ignored by either end. The magic and the version
// stay where they are.
package locate
