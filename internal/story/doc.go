// Package story lives through whole calendars with the real programs in one process:
// terminal servers, license servers, clearinghouse and devices speak RDP and the
// license server protocol over connections in memory, in a testing/synctest bubble,
// so that a year takes seconds and nothing is left to chance. It has no code but
// tests.
package story
