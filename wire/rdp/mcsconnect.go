package rdp

import (
	"fmt"

	"github.com/tslab/tslab/internal/cursor"
)

// DomainParameters are what MCS negotiates and RDP takes as it comes, T.125 section 7.
type DomainParameters struct {
	MaxChannelIDs, MaxUserIDs, MaxTokenIDs, NumPriorities uint32
	MinThroughput, MaxHeight, MaxMCSPDUSize, Version      uint32
}

func (p DomainParameters) fields() [8]uint32 {
	return [8]uint32{p.MaxChannelIDs, p.MaxUserIDs, p.MaxTokenIDs, p.NumPriorities,
		p.MinThroughput, p.MaxHeight, p.MaxMCSPDUSize, p.Version}
}

// clientParameters are the target, minimum and maximum that clients send, and
// serverParameters what a server answers (the numbers of 4.1.3 and 4.1.4).
var (
	clientParameters = [3]DomainParameters{
		{34, 2, 0, 1, 0, 1, 65535, 2},
		{1, 1, 1, 1, 0, 1, 1056, 2},
		{65535, 64535, 65535, 1, 0, 1, 65535, 2},
	}
	serverParameters = DomainParameters{34, 3, 0, 1, 0, 1, 65528, 2}
)

const (
	mcsConnectTag      = 0x7f
	mcsConnectInitial  = 0x65
	mcsConnectResponse = 0x66
)

func appendParameters(w *cursor.Writer, p DomainParameters) {
	var in cursor.Writer
	for _, v := range p.fields() {
		appendBERUint(&in, v)
	}
	w.U8(berSequence)
	appendBERLen(w, in.Len())
	w.Append(in.Bytes())
}

func parseParameters(r *cursor.Reader, field string) DomainParameters {
	n := berTag(r, field, berSequence)
	in := cursor.NewReader(r.Bytes(field, n))
	var v [8]uint32
	for i := range v {
		v[i] = berUint(in, field, berInteger)
	}
	if err := in.End(); err != nil {
		r.Fail(field, err)
		return DomainParameters{}
	}
	return DomainParameters{v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7]}
}

// connectHeader reads the two-byte tag and the length, which covers the rest.
func connectHeader(r *cursor.Reader, tag uint8) {
	if t := r.U8("tag"); r.Err() == nil && t != mcsConnectTag {
		r.Failf("tag", "%#02x, want 0x7f", t)
	}
	if t := r.U8("tag"); r.Err() == nil && t != tag {
		r.Failf("tag", "0x7f%02x, want 0x7f%02x", t, tag)
	}
	if n := berLen(r, "length"); r.Err() == nil && n != r.Len() {
		r.Failf("length", "%d with %d bytes left", n, r.Len())
	}
}

// connectPDU puts the header before a body.
func connectPDU(b []byte, tag uint8, body []byte) []byte {
	w := cursor.NewWriter(b)
	w.U8(mcsConnectTag)
	w.U8(tag)
	appendBERLen(w, len(body))
	w.Append(body)
	return w.Bytes()
}

// AppendConnectInitial is an MCS Connect-Initial around a GCC Conference Create
// Request, 2.2.1.3.
func AppendConnectInitial(b, gcc []byte) []byte {
	var w cursor.Writer
	appendBEROctets(&w, []byte{1})
	appendBEROctets(&w, []byte{1})
	w.Append([]byte{berBoolean, 1, 0xff})
	for _, p := range clientParameters {
		appendParameters(&w, p)
	}
	appendBEROctets(&w, gcc)
	return connectPDU(b, mcsConnectInitial, w.Bytes())
}

// ParseConnectInitial returns the GCC part. The domain parameters only have to be
// well-formed: whatever a client asks for, RDP uses the same.
func ParseConnectInitial(b []byte) ([]byte, error) {
	r := cursor.NewReader(b)
	connectHeader(r, mcsConnectInitial)
	r.Skip("callingDomainSelector", berTag(r, "callingDomainSelector", berOctets))
	r.Skip("calledDomainSelector", berTag(r, "calledDomainSelector", berOctets))
	r.Skip("upwardFlag", berTag(r, "upwardFlag", berBoolean))
	parseParameters(r, "targetParameters")
	parseParameters(r, "minimumParameters")
	parseParameters(r, "maximumParameters")
	gcc := r.Bytes("userData", berTag(r, "userData", berOctets))
	if err := r.End(); err != nil {
		return nil, fmt.Errorf("MCS Connect-Initial: %w", err)
	}
	return gcc, nil
}

// AppendConnectResponse is an MCS Connect-Response, successful, around a GCC
// Conference Create Response, 2.2.1.4.
func AppendConnectResponse(b, gcc []byte) []byte {
	var w cursor.Writer
	w.Append([]byte{berEnumerated, 1, 0})
	appendBERUint(&w, 0)
	appendParameters(&w, serverParameters)
	appendBEROctets(&w, gcc)
	return connectPDU(b, mcsConnectResponse, w.Bytes())
}

// ParseConnectResponse returns the GCC part, or an error that has the server's
// result when it is not success.
func ParseConnectResponse(b []byte) ([]byte, error) {
	r := cursor.NewReader(b)
	connectHeader(r, mcsConnectResponse)
	if result := berUint(r, "result", berEnumerated); r.Err() == nil && result != 0 {
		return nil, fmt.Errorf("MCS Connect-Response: result %d, want 0 (successful)", result)
	}
	berUint(r, "calledConnectId", berInteger)
	parseParameters(r, "domainParameters")
	gcc := r.Bytes("userData", berTag(r, "userData", berOctets))
	if err := r.End(); err != nil {
		return nil, fmt.Errorf("MCS Connect-Response: %w", err)
	}
	return gcc, nil
}
