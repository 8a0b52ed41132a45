package licensing

import "github.com/tslab/tslab/internal/cursor"

// ProductInfo names the product that a license is asked for, MS-RDPELE 2.2.2.1.1.
type ProductInfo struct {
	Version uint32 // major version of the operating system in the high word, minor in the low
	Company string
	Product string
}

// LicenseRequest is the Server License Request, MS-RDPELE 2.2.2.1: the server's
// first message.
type LicenseRequest struct {
	ServerRandom      [randomSize]byte
	Product           ProductInfo
	KeyExchange       []uint32 // algorithms; 1, RSA, is the only one there is
	ServerCertificate []byte   // may be empty under RDP security: then that of the connection counts
	Scopes            []string
}

// KeyExchangeRSA is the one key exchange algorithm of the protocol.
const KeyExchangeRSA uint32 = keyExchangeRSA

// Type is TypeLicenseRequest.
func (*LicenseRequest) Type() Type { return TypeLicenseRequest }

func (m *LicenseRequest) append(w *cursor.Writer) {
	w.Append(m.ServerRandom[:])
	w.U32(m.Product.Version)
	appendUnicode(w, m.Product.Company)
	appendUnicode(w, m.Product.Product)
	w.U16(blobKeyExchange)
	w.U16(uint16(keyExchangeEntrySiz * len(m.KeyExchange)))
	for _, alg := range m.KeyExchange {
		w.U32(alg)
	}
	appendBlob(w, blobCertificate, m.ServerCertificate)
	w.U32(uint32(len(m.Scopes)))
	for _, scope := range m.Scopes {
		appendTextBlob(w, blobScope, scope)
	}
}

func (m *LicenseRequest) parse(r *cursor.Reader) {
	r.Copy("ServerRandom", m.ServerRandom[:])
	m.Product.Version = r.U32("dwVersion")
	m.Product.Company = parseUnicode(r, "pbCompanyName")
	m.Product.Product = parseUnicode(r, "pbProductId")
	list := parseBlob(r, "KeyExchangeList")
	if len(list)%keyExchangeEntrySiz != 0 {
		r.Failf("KeyExchangeList", "%d bytes are no list of algorithms", len(list))
	}
	for algs := cursor.NewReader(list); algs.Len() > 0 && r.Err() == nil; {
		m.KeyExchange = append(m.KeyExchange, algs.U32("algorithm"))
	}
	m.ServerCertificate = parseBlob(r, "ServerCertificate")
	count := r.U32("ScopeCount")
	for i := uint32(0); i < count && r.Err() == nil; i++ {
		m.Scopes = append(m.Scopes, parseTextBlob(r, "Scope"))
	}
}
