// Package tsls is the protocol that terminal servers and tools speak with a license
// server.
package tsls
