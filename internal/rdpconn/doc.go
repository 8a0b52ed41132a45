// Package rdpconn is a Remote Desktop connection on a net.Conn, in either role:
// from the X.224 negotiation to Client Info, the licensing phase as bare messages,
// the capability exchange, output and input, and the clean end. It knows nothing of
// licenses.
//
// A conversation is a function that reads and writes: [Accept] and [Dial] return
// when Client Info is through. Then come ReadLicense and WriteLicense, Activate,
// and the session. Each step of the peer has a deadline. Reading and writing may be
// done by two goroutines at once; each of the two by one at a time, except that
// writes exclude each other by themselves.
package rdpconn
