// Package enroll is the documents that pass between a license server, the
// administrator's tools and the clearinghouse: the request for an activation, the
// activation, and the key pack; and those between a host and its domain controller:
// the request to join, the membership, and what is asked and told about sites.
//
// # Files
//
// A document is a text that a human can look at, mail, or print:
//
//	-----BEGIN TSLAB KEY PACK-----
//	Key Pack ID: LAB-...
//	Quantity: 25
//
//	base64 of the body, 64 characters a line
//	=checksum
//	-----END TSLAB KEY PACK-----
//
// Text before the first and after the last line does not count, nor do blanks at a
// line's end. The header lines repeat what the body says; a document in which they
// differ is refused, so what is read is what is signed. The checksum is the body's
// CRC-32 (IEEE) in eight hexadecimal digits: it finds a mistyped character, the
// signature finds everything else.
//
// # Body
//
// All integers are little-endian. A text is its length in 16 bits and UTF-8, a blob
// its length in 32 bits and bytes, a time seconds since 1970 in 64 bits.
//
//	document            kind  fields in order
//	ACTIVATION REQUEST   1    server, product id, company, contact, email, country texts; issued time; public key blob (PKIX)
//	ACTIVATION           2    server, company, server id texts; issued time; certificate, root blobs (X.509)
//	KEY PACK             3    pack id, server id, kind, product, program texts; major, minor 16 bits; count 32 bits;
//	                          issued time; clearinghouse text (fingerprint of the key that signs)
//	JOIN REQUEST         4    domain, host, role texts; issued time; public key, proof blobs
//	MEMBERSHIP           5    domain, host, role, site texts; issued time; groups (list of texts); certificate blob;
//	                          forests (list of blobs); gossip key, site key blobs; update key name text; update key,
//	                          proof blobs
//	SITE QUERY           6    domain, host, site texts; issued time; public key blob
//	SITE ENTRY           7    domain, server, address, site texts; issued time; public key blob
//	SITE ANSWER          8    domain, site, distinguished name, server, address texts; issued time
//	REFUSAL              9    text text; issued time
//	PRODUCT             10    product id text; issued time; root blob; sealed activations (list of blobs)
//	PURCHASE            11    reseller, program texts; numbers (list of texts); kind, product texts; count 32 bits;
//	                          issued time; public key blob
//	ORDER               12    server id text; fields (list of texts, name=value); issued time
//
// A list is its length in 16 bits, at most 32, and its members.
//
// The body is the format's version in one byte (1), the kind in one byte, the
// fields, and the signature as a blob: ECDSA P-256 with SHA-256, ASN.1, over all
// bytes before it with the text "TSLab document" and a zero byte in front. A
// request is signed by the key that it asks for, which proves that the asker has
// it, and so are a join request, a site query, a site entry and a reseller's purchase;
// an order by the key of the license server's certificate; an activation, a key pack
// and a product by the clearinghouse's root; what a domain controller answers by the
// forest's.
//
// # Between hosts and domain controllers
//
// On TCP port 3346 a host speaks TLS 1.3 (ALPN "tslab-enroll") and shows a
// certificate of its own. Each side writes documents, one after the other, and
// nothing between them; a document ends with its last line. Every request is answered
// with one document, which is a REFUSAL when the domain controller does not do it.
// The certificates of a first meeting prove nothing: [RequestProof] and
// [AnswerProof] do, by the join secret, bound to the connection by its exporter with
// the label "EXPORTER-Channel-Binding" (RFC 9266).
//
// # Numbers instead of documents
//
// By telephone, by fax and in a browser nothing but codes (wire/codes) go to and fro.
// A sealed activation of a PRODUCT is AES-256-GCM with a zero nonce over the license
// server's private key (32 bytes, big-endian) and its certificate; its key is SHA-256
// of "TSLab sealed activation", a zero byte and the License Server ID, which is
// derived from that certificate. So the License Server ID, typed, gives the server a
// certificate under the root. A Key Pack ID is sealed by [Secret].
package enroll
