// Package interop holds real clients against the programs: rdesktop, FreeRDP and
// tsclient, with every kind of security, three connections each. The test runs in
// namespaces of its own and needs no root; make interop runs all of it and prints
// the table, make test its core.
package interop
