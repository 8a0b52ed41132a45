package token

import "encoding/asn1"

// Every object identifier of the lab's tokens stands here: 1.3.6.1.4.1.32473, the
// enterprise number that RFC 5612 reserves for documentation, then 1 for this
// project and 1 for license tokens. None is Microsoft's, so that no Microsoft
// component takes a token for one of its own.
func arc(n ...int) asn1.ObjectIdentifier {
	return append(asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 32473, 1, 1}, n...)
}
