// Package rdpsec is the cryptography that MS-RDPBCGR 5.3 (standard RDP security)
// and MS-RDPELE 5.1 (licensing) share: raw RSA on little-endian integers, the
// salted hashes, the MACs, the RC4 streams with their key updates, and the server
// certificate in both of its forms.
//
// It is the security of 1999, reproduced so that clients of that age can be
// served. Nothing in it protects anything today.
package rdpsec
