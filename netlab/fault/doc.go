// Package fault is what can go wrong on the cables of a lab, as inert values: a
// [Fault] can be printed, compared, kept and checked, and does nothing.
//
// A fault has a name, by which it is listed and removed; a kind; a place, which is a
// host (all its cables) or one cable, and a direction seen from that host; a filter;
// a seed; and a schedule in elapsed time, which is never the calendar's. What does it
// is an [Engine]:
//
//	netlab/fault/relay   frames pass through this process; every kind, without root
//	netlab/fault/tcx     programs in the kernel; root, and what the kernel can do
//	internal/tamper      inside a program of the lab, for messages that are encrypted
//
// Chance is decided by [Dice], which give the n-th frame of a cable and direction the
// same fate whenever the seed is the same, whichever engine throws them.
//
// A capture holds what a host sends before any fault touches it: what is lost stands
// in the file as sent, and what is delayed stands there at the time it was sent.
//
// The package also knows which messages begin in a frame ([Frame.Carried]), how a
// frame is damaged ([Damage]) and how a connection is reset ([Resets]).
package fault
