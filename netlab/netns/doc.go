// Package netns builds the ground that a lab stands on: one re-exec of the calling
// program into user, mount, pid, network, UTS and IPC namespaces of its own, hosts
// as network, mount and UTS namespaces inside, and Ethernet bridges between them.
//
// No privilege is needed and none is kept: the user namespace maps one id, the
// caller's, to root inside, and everything belongs to the namespaces. (Root may do
// without a user namespace, for what the kernel grants to nobody in one; see
// [RootGround].) Process 1 of
// the pid namespace is the lab itself and dies with the program that started it,
// and everything else dies with process 1, however the lab ends.
//
// The network namespace that the lab starts in is its switch: every bridge and the
// near end of every cable are there. A host is an operating-system thread that has
// left for namespaces of its own, and whatever is started from that thread lives in
// the host. Goroutines other than that thread's stay in the switch.
//
// It does not know what runs in the hosts; that is netlab's business.
package netns
