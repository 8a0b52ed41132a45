// Package netlab turns the description of a lab into a running one: hosts and nets
// of Linux namespaces, the shipped programs in them, a calendar of their own, and a
// capture of every cable.
//
// A [Spec] is inert: it can be printed, compared and kept. A [Lab] owns namespaces,
// processes and recordings, and gives them up with Close, which leaves a folder:
//
//	lab.pcapng               what every cable carried, decrypted, with the events between;
//	                         with its secrets it is its user's alone
//	run.json                 what was built, what was expected, what was found
//	messages.json            the messages of the lab's protocols in the capture, decoded
//	lab.jsonl                the lab's own event log
//	clock                    the calendar
//	etc                      hosts and resolv.conf of every host
//	hosts/NAME/home          the home folder of programs that are run in the host
//	hosts/NAME/documents     what is carried from host to host as files
//	hosts/NAME/output        what programs printed, numbered in the order of their start
//	hosts/NAME/PROGRAM       a program's state, event log, TLS key log and output
//
// A program is a binary, found as a user would find it and started with the flags
// that all programs of the lab understand. What it has to say it says in its event
// log, which the lab follows; nothing is learned by waiting.
//
// The lab must be built inside the namespaces of netlab/netns.
package netlab
