//go:build linux

package netns

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"
)

// TestDiagnose tells apart what forbids a lab, by what systems show that do.
func TestDiagnose(t *testing.T) {
	set := func(pairs ...string) map[string]string {
		m := map[string]string{"user/max_user_namespaces": "95867", "user/max_net_namespaces": "95867"}
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i]] = pairs[i+1]
		}
		return m
	}
	for _, tt := range []struct {
		name   string
		s      symptoms
		reason string
		remedy string
	}{
		{"Ubuntu 24.04: the namespace is made, its rights are not", symptoms{step: stepMounts, errno: syscall.EACCES,
			settings: set("kernel/apparmor_restrict_unprivileged_userns", "1", "kernel/unprivileged_userns_clone", "1"), seccomp: "0",
			profile: "unprivileged_userns (enforce)", userNS: true, root: true},
			"/proc/sys/kernel/apparmor_restrict_unprivileged_userns is 1", "sysctl kernel.apparmor_restrict_unprivileged_userns=0"},
		{"Ubuntu 23.10: no namespace", symptoms{step: stepUser, errno: syscall.EACCES,
			settings: set("kernel/apparmor_restrict_unprivileged_userns", "1"), profile: "unconfined", userNS: true},
			"apparmor_restrict_unprivileged_userns is 1", "sysctl kernel.apparmor_restrict_unprivileged_userns=0"},
		{"old Debian", symptoms{step: stepUser, errno: syscall.EPERM, settings: set("kernel/unprivileged_userns_clone", "0"), userNS: true},
			"/proc/sys/kernel/unprivileged_userns_clone is 0", "sysctl kernel.unprivileged_userns_clone=1"},
		{"hardened by a limit of none", symptoms{step: stepUser, errno: syscall.ENOSPC, settings: set("user/max_user_namespaces", "0"), userNS: true},
			"/proc/sys/user/max_user_namespaces is 0", "sysctl user.max_user_namespaces=10000"},
		{"no network namespaces", symptoms{step: stepHost, errno: syscall.ENOSPC, settings: set("user/max_net_namespaces", "0"), userNS: true},
			"max_net_namespaces is 0", "sysctl user.max_net_namespaces=10000"},
		{"a limit reached", symptoms{step: stepHost, errno: syscall.ENOSPC, settings: set(), userNS: true},
			"as many namespaces are in use", "/proc/sys/user"},
		{"Docker", symptoms{step: stepUser, errno: syscall.EPERM, settings: set(), seccomp: "2", profile: "docker-default (enforce)", userNS: true, root: true},
			"a seccomp filter", "--security-opt seccomp=unconfined"},
		{"Docker on Ubuntu 24.04: its filter comes before AppArmor's switch, which is named first", symptoms{step: stepUser, errno: syscall.EPERM,
			settings: set("kernel/apparmor_restrict_unprivileged_userns", "1"), seccomp: "2", userNS: true},
			"apparmor_restrict", "sysctl"},
		{"a container without its filter, /proc covered", symptoms{step: stepProc, errno: syscall.EPERM, settings: set(), seccomp: "0", userNS: true, root: true},
			"parts of /proc are covered", "systempaths=unconfined"},
		{"systemd unit", symptoms{step: stepUser, errno: syscall.EPERM, settings: set(), seccomp: "2", profile: "unconfined", userNS: true},
			"RestrictNamespaces=", "out of the unit"},
		{"AppArmor profile", symptoms{step: stepUser, errno: syscall.EACCES, settings: set(), profile: "snap.x (enforce)", userNS: true},
			`AppArmor profile "snap.x (enforce)"`, "rule userns"},
		{"chroot", symptoms{step: stepUser, errno: syscall.EPERM, settings: set(), seccomp: "0", userNS: true},
			"a chroot does", "leave the chroot"},
		{"kernel without", symptoms{step: stepUser, errno: syscall.EINVAL, settings: map[string]string{}},
			"built without user namespaces", "CONFIG_USER_NS=y"},
		{"no packet sockets", symptoms{step: stepPacket, errno: syscall.EAFNOSUPPORT, settings: set(), userNS: true},
			"the kernel lacks af_packet", "modprobe af_packet"},
		{"no bridges", symptoms{step: stepBridge, errno: syscall.EOPNOTSUPP, settings: set(), userNS: true},
			"the kernel lacks bridge", "modprobe bridge"},
		{"no cables", symptoms{step: stepCable, errno: syscall.EOPNOTSUPP, settings: set(), userNS: true},
			"the kernel lacks veth", "modprobe veth"},
		{"gVisor and its like", symptoms{step: stepHost, errno: syscall.EPERM, settings: map[string]string{}, userNS: true, root: true},
			"something around this process", "--security-opt"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := diagnose(tt.s)
			f, ok := errors.AsType[*Forbidden](err)
			if !ok || !strings.Contains(f.Reason, tt.reason) || !strings.Contains(f.Remedy, tt.remedy) {
				t.Fatalf("%v\nwant %q and %q", err, tt.reason, tt.remedy)
			}
			if !errors.Is(err, tt.s.errno) || strings.Contains(err.Error(), "\n") || !strings.HasPrefix(err.Error(), "lab: "+string(tt.s.step)) {
				t.Errorf("%v: want one line that begins with the step", err)
			}
		})
	}
}

// TestDiagnoseDoesNotGuess: what none of the reasons causes stays what it is.
func TestDiagnoseDoesNotGuess(t *testing.T) {
	err := diagnose(symptoms{step: stepUser, errno: syscall.ENOMEM, settings: map[string]string{"kernel/unprivileged_userns_clone": "0"}})
	if _, ok := errors.AsType[*Forbidden](err); ok || err.Error() != "lab: cannot make a user namespace: cannot allocate memory" {
		t.Errorf("%v", err)
	}
}

func TestExplainKeepsOtherErrors(t *testing.T) {
	err := explain(stepUser, &fs.PathError{Op: "fork/exec", Path: "/proc/self/exe", Err: os.ErrClosed})
	if !errors.Is(err, os.ErrClosed) || strings.Contains(err.Error(), "fork/exec") {
		t.Errorf("%v", err)
	}
	if err := explain(stepBridge, &fs.PathError{Op: "x", Path: "y", Err: syscall.EOPNOTSUPP}); !strings.Contains(err.Error(), "modprobe bridge") {
		t.Errorf("%v", err)
	}
}
