package licensing

import "github.com/tslab/tslab/internal/cursor"

// The blob types of MS-RDPBCGR 2.2.1.12.1.2 that occur in licensing messages.
const (
	blobData            = 0x0001
	blobRandom          = 0x0002
	blobCertificate     = 0x0003
	blobError           = 0x0004
	blobEncryptedData   = 0x0009
	blobKeyExchange     = 0x000D
	blobScope           = 0x000E
	blobClientUser      = 0x000F
	blobClientMachine   = 0x0010
	keyExchangeRSA      = 1
	macSize             = 16
	blobHeaderSize      = 2 /* wBlobType */ + 2 /* wBlobLen */
	randomSize          = 32
	keyExchangeEntrySiz = 4
)

// appendBlob writes a LICENSE_BINARY_BLOB.
func appendBlob(w *cursor.Writer, kind uint16, data []byte) {
	w.U16(kind)
	w.U16(uint16(len(data)))
	w.Append(data)
}

// parseBlob reads a LICENSE_BINARY_BLOB of any type.
func parseBlob(r *cursor.Reader, field string) []byte {
	r.Skip(field, 2)
	return r.Bytes(field, int(r.U16(field)))
}

// appendTextBlob writes a blob of ANSI text with its NUL.
func appendTextBlob(w *cursor.Writer, kind uint16, text string) {
	appendBlob(w, kind, appendANSI(nil, text))
}

func parseTextBlob(r *cursor.Reader, field string) string {
	return parseANSI(parseBlob(r, field))
}
