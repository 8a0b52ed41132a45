// Package script runs drills: programs in Starlark that build a lab, act in it and
// say what they expect to find.
//
// A drill is one file. Its first comment line is its title. Nets and hosts are
// declared first; the lab comes up with the first action and ends with the drill.
// What happened is told while it happens, each line an event read back from the
// event log of a program; what was expected and found is collected, and a drill
// passes when all of it was met.
//
// [Vocabulary] lists the words that a drill has beyond the language.
package script
