// Package rdp is the wire format of the Remote Desktop Protocol as far as a
// connection needs it that is licensed, logs on, draws and takes input
// (MS-RDPBCGR): TPKT and X.224, MCS and GCC, security headers, Client Info, the
// capability exchange, share data, bitmap updates and input by the slow and the
// fast path, error info and the ends of a connection. Section numbers in the
// comments are MS-RDPBCGR's unless another document is named.
//
// Everything is a value and a pair of functions, one that appends the value's
// bytes and one that parses them. Connections are internal/rdpconn's.
package rdp
