//go:build linux

package netns

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

// symptoms are what is known when the kernel refuses something: everything that
// tells one reason from another.
type symptoms struct {
	step  step
	errno syscall.Errno

	settings map[string]string // files of /proc/sys by name, those that are there
	seccomp  string            // of /proc/self/status: "2" under a filter
	profile  string            // AppArmor's, "" or "unconfined" for none
	userNS   bool              // the kernel has user namespaces
	root     bool              // this process is root where it is, with all rights
}

// step is what a lab was doing, in its words.
type step string

// The steps that a kernel can forbid.
const (
	stepUser    step = "cannot make a user namespace"
	stepRoot    step = "cannot make namespaces as root"
	stepMounts  step = "cannot make the mounts private"
	stepProc    step = "cannot mount a /proc of its own"
	stepHost    step = "cannot make a host"
	stepPacket  step = "cannot open a packet socket"
	stepNetlink step = "cannot speak to the kernel's network"
	stepBridge  step = "cannot make a bridge"
	stepCable   step = "cannot lay a cable"
)

// setting is a kernel setting that forbids what a lab needs when it has a value.
type setting struct {
	name, forbidding, remedy string
	errors                   []syscall.Errno
}

var (
	denied = []syscall.Errno{syscall.EPERM, syscall.EACCES}
	full   = []syscall.Errno{syscall.ENOSPC, syscall.EUSERS}
)

// settings are asked in this order: the first that explains the refusal is named.
var settings = [...]setting{
	{"kernel/unprivileged_userns_clone", "0", "sysctl kernel.unprivileged_userns_clone=1", denied},
	{"kernel/apparmor_restrict_unprivileged_userns", "1", "sysctl kernel.apparmor_restrict_unprivileged_userns=0", denied},
	{"user/max_user_namespaces", "0", "sysctl user.max_user_namespaces=10000", full},
	{"user/max_net_namespaces", "0", "sysctl user.max_net_namespaces=10000", full},
	{"user/max_mnt_namespaces", "0", "sysctl user.max_mnt_namespaces=10000", full},
	{"user/max_pid_namespaces", "0", "sysctl user.max_pid_namespaces=10000", full},
	{"user/max_uts_namespaces", "0", "sysctl user.max_uts_namespaces=10000", full},
	{"user/max_ipc_namespaces", "0", "sysctl user.max_ipc_namespaces=10000", full},
}

// Forbidden is a refusal of the kernel's, with the reason as far as it can be told
// and what to change.
type Forbidden struct {
	Step   string        `json:"step"`
	Errno  syscall.Errno `json:"-"`
	Reason string        `json:"reason"`
	Remedy string        `json:"remedy"`
}

func (f *Forbidden) Error() string {
	return fmt.Sprintf("lab: %s: %v: %s; %s", f.Step, f.Errno, f.Reason, f.Remedy)
}

func (f *Forbidden) Unwrap() error { return f.Errno }

// explain makes a sentence of the kernel's refusal that names what is behind it.
func explain(s step, err error) error {
	errno, ok := errors.AsType[syscall.Errno](err)
	if !ok {
		if op, ok := errors.AsType[*fs.PathError](err); ok {
			err = op.Err // the operation is this program's own name
		}
		return fmt.Errorf("lab: %s: %w", s, err)
	}
	return diagnose(look(s, errno))
}

// look reads what the diagnosis needs.
func look(s step, errno syscall.Errno) symptoms {
	read := func(path string) string {
		b, _ := os.ReadFile(path)
		return strings.TrimSpace(string(b))
	}
	found := symptoms{step: s, errno: errno, settings: map[string]string{}, profile: read("/proc/self/attr/current"), root: os.Getuid() == 0}
	for _, s := range settings {
		found.settings[s.name] = read("/proc/sys/" + s.name)
	}
	for line := range strings.Lines(read("/proc/self/status")) {
		if value, ok := strings.CutPrefix(line, "Seccomp:"); ok {
			found.seccomp = strings.TrimSpace(value)
		}
	}
	_, err := os.Stat("/proc/self/ns/user")
	found.userNS = err == nil
	return found
}

// diagnose tells reasons apart, the surest first.
func diagnose(s symptoms) error {
	f := &Forbidden{Step: string(s.step), Errno: s.errno}
	switch {
	case setBy(s, f), missing(s, f), forbidden(s, f):
		return f
	}
	return fmt.Errorf("lab: %s: %w", s.step, s.errno)
}

// setBy looks for a setting with a value that explains the refusal.
func setBy(s symptoms, f *Forbidden) bool {
	for _, set := range settings {
		for _, errno := range set.errors {
			if s.errno == errno && s.settings[set.name] == set.forbidding {
				f.Reason = fmt.Sprintf("/proc/sys/%s is %s here", set.name, set.forbidding)
				f.Remedy = "an administrator can allow it with: " + set.remedy
				return true
			}
		}
	}
	if s.errno == syscall.ENOSPC || s.errno == syscall.EUSERS {
		f.Reason = "as many namespaces are in use as this user may have, or they are nested 32 deep"
		f.Remedy = "end other labs and containers, or raise the numbers under /proc/sys/user"
		return true
	}
	return false
}

// missing looks for parts that the kernel was built without, or has not loaded.
func missing(s symptoms, f *Forbidden) bool {
	module := map[step]string{stepPacket: "af_packet", stepBridge: "bridge", stepCable: "veth", stepNetlink: "af_netlink"}[s.step]
	switch s.errno {
	case syscall.EAFNOSUPPORT, syscall.EOPNOTSUPP, syscall.EPROTONOSUPPORT, syscall.ENODEV:
		if module != "" {
			f.Reason, f.Remedy = "the kernel lacks "+module, "an administrator can load it with: modprobe "+module
			return true
		}
	case syscall.EINVAL, syscall.ENOSYS:
		if s.step == stepUser && !s.userNS {
			f.Reason, f.Remedy = "the kernel was built without user namespaces", "use one with CONFIG_USER_NS=y, as every large distribution has"
			return true
		}
	}
	return false
}

// forbidden looks for what stands around this process: a filter, a profile, masks.
func forbidden(s symptoms, f *Forbidden) bool {
	const options = "--security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt systempaths=unconfined"
	switch {
	case s.errno != syscall.EPERM && s.errno != syscall.EACCES && s.errno != syscall.ENOSYS:
		return false
	case s.step == stepProc:
		f.Reason = "parts of /proc are covered, as containers do, and the kernel then allows no other"
		f.Remedy = "start the container with " + options + " (podman: --security-opt unmask=ALL)"
	case s.seccomp == "2":
		f.Reason = "a seccomp filter around this process forbids it, as containers and the RestrictNamespaces= of a systemd unit have"
		f.Remedy = "start the container with " + options + ", or take the setting out of the unit"
	case s.profile != "" && s.profile != "unconfined" && !strings.HasPrefix(s.profile, "unconfined "):
		f.Reason = fmt.Sprintf("the AppArmor profile %q of this process forbids it", s.profile)
		f.Remedy = "give the profile the rule userns, or start the container with " + options
	case s.step == stepUser && !s.root:
		f.Reason = "nothing that this program knows of forbids it; a chroot does, and other security modules"
		f.Remedy = "leave the chroot, or allow user namespaces in the security module (its messages are in: journalctl -k)"
	default:
		f.Reason = "something around this process forbids it, as containers do"
		f.Remedy = "start the container with " + options
	}
	return true
}
