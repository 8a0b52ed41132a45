// Package tsls is the protocol that terminal servers and tools speak with a license
// server. This comment and the tables in it are the whole of the protocol: what is
// needed to write the other end.
//
// # Connection
//
// TLS 1.3 over TCP, port 3343 unless told otherwise, ALPN name "tsls". Both ends
// show a certificate with an ECDSA P-256 key. In a workgroup it is self-made: the
// dialing end remembers the key of each address (trust on first use), the accepting
// end takes any. Certificates are checked against the machine's clock, never
// against a lab's calendar.
//
// The end that dialed sends requests, the other answers; never the reverse. Any
// number of requests may be under way; answers come in any order. The accepting end
// may read no further while it has many unanswered (64 here).
//
// # Frames
//
// All integers are little-endian. Each message travels in a frame:
//
//	offset  size
//	0       4     length n of the message, 1 to 1048576
//	4       4     request id: chosen by the sender of a request, repeated in its answer
//	8       n     message
//
// A request id must not be used again before its answer has come. The first request
// must be Hello, at most 8192 bytes long; the requests after it must not be. Each
// request gets one answer: the one that the table names, or Error.
//
// # Messages
//
// A message is its type in one byte, then its fields without padding. Nothing may
// follow the last field. The encoding is the only one: a message that was read and
// is written again has the same bytes.
//
//	u8, u16, u32  integer of 8, 16, 32 bits
//	bool          u8, 0 or 1
//	time          64 bits: seconds since 1970-01-01 00:00 UTC; 0 is "never" or "none"; at most the last of year 9999
//	text          u16 length, at most 1024, then that many bytes of UTF-8
//	blob          u32 length, at most 65536, then that many bytes
//	hwid          20 bytes: the hardware id, CLIENT_HARDWARE_ID of MS-RDPELE 2.2.2.3.1
//	[n]x          u16 count, at most n, then that many x
//
// Requests:
//
//	type  name                  fields                                                     answer
//	0x01  Hello                 version u16, features u32, program text, name text,        ServerInfo
//	                            edition text
//	0x02  Ping                  (none)                                                     ServerInfo
//	0x03  Allocate              request u8, presented u8, license id text, issuer text,    Allocated
//	                            expires time, hardware id hwid, platform id u32,
//	                            machine text, user text, domain text, mode text,
//	                            edition text, features u32, via default bool, final bool,
//	                            failed [32]text, hops u8, referred by text, validated bool
//	0x04  Mark                  license id text, hardware id hwid, issuer text,            Marked
//	                            machine text, user text, expires time
//	0x05  Return                license id text, hardware id hwid                          Returned
//	0x06  Inquire               license id text, hardware id hwid                          Inquired
//	0x07  Close                 hardware id hwid, machine text, license id text,           Closed
//	                            server text
//	0x08  Peers                 (none)                                                     PeerList
//	0x10  GetActivationRequest  company text, contact text, email text, country text       ActivationRequest
//	0x11  Activate              document blob                                              ServerInfo
//	0x12  InstallKeyPack        document blob                                              KeyPackInstalled
//	0x13  KeyPacks              (none)                                                     KeyPackList
//	0x14  Licenses              after text, limit u16 (0 to 500; 0 is 500)                 LicenseList
//	0x15  ActivateByNumber      server id text                                             ServerInfo
//	0x16  InstallByNumber       pack id text                                               KeyPackInstalled
//	0x17  GetOrder              fields [32]text                                            Order
//	0x18  Automatic             operation text, fields [32]text                            ServerInfo, or KeyPackInstalled
//	0x19  Deactivate            confirmation text                                          ServerInfo
//
// Answers:
//
//	type  name                  fields
//	0x81  ServerInfo            version u16, features u32, name text, server id text, edition text, scope text,
//	                            activated bool, CAL issued ever bool, Per User pack bool, certificates [16]blob,
//	                            roots [16]blob, site text, proof blob
//	0x83  Allocated             answer u8, license blob, referrals [32]referral, validated bool,
//	                            CAL issued ever bool, features u32, former [16]blob, reason text
//	0x84  Marked                created bool
//	0x85  Returned              freed bool
//	0x86  Inquired              known bool, validated bool
//	0x87  Closed                closed bool
//	0x88  PeerList              now time, group text, peers [512]peer
//	0x90  ActivationRequest     document blob
//	0x92  KeyPackInstalled      pack keypack
//	0x93  KeyPackList           packs [1024]keypack
//	0x94  LicenseList           licenses [500]license, more bool
//	0x97  Order                 document blob
//	0xff  Error                 code u16, text text
//
// Compounds:
//
//	referral  name text, server id text, address text (host:port), validated bool
//	keypack   id text, kind text, product text, program text, total u32, issued u32, available u32,
//	          installed time; a total or available of 0xffffffff never empties
//	peer      name text, server id text, address text (host:port), edition text, scope text, site text,
//	          activated bool, seen bool, doubted bool, heard time, pools [64]pool
//	pool      kind text, major u16, minor u16, total u32, available u32
//	license   license id text, key pack id text, kind text, product text, state text, hardware id hwid,
//	          machine text, user text, issuer text, issued time, expires time, validated bool
//
// Values:
//
//	request    1 cal, 2 temp, 3 renew, 4 built-in, 5 internet-connector
//	presented  0 none, 1 corrupt, 2 hwid-mismatch, 3 perm-fresh, 4 perm-near, 5 perm-expired, 6 temp,
//	           7 temp-expired, 8 built-in
//	answer     1 CAL-take, 2 CAL-own, 3 CAL-renew, 4 TEMP-new, 5 TEMP-row, 6 BUILTIN, 7 REFER, 8 KEEP,
//	           9 DENY-expired, 10 DENY-empty, 11 DENY-stock, 12 DENY-served
//	features   bit 0 mark, bit 1 expiry, bit 2 referral: answers Inquire, Close and Peers
//	code       1 version, 2 hello first, 3 malformed, 4 unknown type, 5 busy, 6 internal, 7 not activated,
//	           8 activated, 9 document, 10 other server, 11 duplicate, 12 no license, 13 forbidden
//	edition    "w2k-rtm", "w2k-sp3", "ws2003"
//	mode       "device", "user", "invalid", "ic", "admin"
//	scope      "enterprise", "domain", "workgroup"
//	kind       "temporary", "CAL", "built-in", "Internet Connector", "Per User"
//	state      "active", "expired", "returned", "closed", "superseded"
//
// A byte outside the first three lists is malformed. Unknown feature bits mean
// nothing, an unknown code is read as 6. A license is a token of wire/token, the
// documents are those of wire/enroll.
//
// # What the requests do
//
// Allocate decides about one device, as the comment of [Allocate] says field by
// field. An answer 1 to 6 carries the token, which the license server has in its
// store before it answers: a lost answer loses no license, because the same device
// is given its own row again. REFER lists license servers to ask instead, in order;
// the request repeats hops (one more), referred by and validated from the referral.
// When all of them fail, the first server is asked again with final set.
//
// A license server that is shown a temporary token of another asks that one with
// Inquire whether the token is validated; where nobody answers it takes the token for
// validated. When a device that was referred has got its license elsewhere, the
// terminal server tells the first license server so with Close.
//
// Mark, Return, Close, Ping and all of the tools' requests may be repeated without harm;
// Activate and InstallKeyPack answer a repetition with Error 8 or 11.
//
// Licenses come in the order of their ids, page by page: the next page begins
// after the last id of the one before, until more is false.
//
// # Errors
//
// Error answers a request and leaves the connection standing, but for these cases,
// after which the accepting end closes it: a frame whose length is out of range
// (code 3), a first message that is not a well-formed Hello (2, 3, 4), a Hello of
// another version (1), a Hello of an end that is not served here (13). A dialing end
// that cannot read an answer closes.
//
// # Limits
//
// The accepting end bounds connections (1024, of one address 256), the time to a
// complete Hello (5 s), a connection without requests (10 min), one frame from its
// first byte to its last (10 s), and a request (30 s). Over the first two it closes
// a connection before TLS.
//
// # Versions
//
// This is version 1. Fields and messages change only with the version; type 0x01
// and its version field, and all of Error, stay as they are in every version, so
// that a newer Hello is always answered readably: with Error code 1, whose text
// names the version that is spoken. What both ends may do beyond a version is a
// feature bit: each says its own, and the intersection counts.
package tsls
