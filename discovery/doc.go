// Package discovery finds license servers, as part 8 of the decision table has it: by
// the registry's override or list, through the domain controllers that DNS names,
// through the site's entry, or by broadcast in a workgroup. A [Finder] keeps the
// catalog of those that were found, chooses one and stays with it; a [Responder]
// answers broadcasts for a license server.
//
// Discovery is a hint where to ask. What a license server is, is learned by a probe:
// a conversation over TLS that the Finder's owner carries out.
//
// Two kinds of time: passes and probes become due by the calendar ([Finder.Due]), and
// a due moment that was passed by a step of the calendar is caught up once; answers
// are waited for in elapsed time ([Limits]).
package discovery
