// Package ts is the terminal server: it accepts RDP connections, takes each
// through the licensing phase, the logon and a session that shows who the client is
// to the license system, and marks at the license server what a logon validated.
//
// What is decided about licenses is decided in ts/policy; what is drawn is drawn
// in ts/screen. This package acts: it owns the listener, the connections, the
// grace period on disk and the connection to the license server.
package ts
