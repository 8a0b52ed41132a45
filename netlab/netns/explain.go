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

// setting is a kernel setting that forbids what a lab needs when it has a value.
type setting struct {
	path, forbidding, remedy string
}

var settings = [...]setting{
	{"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1", "sysctl kernel.apparmor_restrict_unprivileged_userns=0"},
	{"/proc/sys/kernel/unprivileged_userns_clone", "0", "sysctl kernel.unprivileged_userns_clone=1"},
	{"/proc/sys/user/max_user_namespaces", "0", "sysctl user.max_user_namespaces=10000"},
	{"/proc/sys/user/max_net_namespaces", "0", "sysctl user.max_net_namespaces=10000"},
	{"/proc/sys/user/max_mnt_namespaces", "0", "sysctl user.max_mnt_namespaces=10000"},
}

// explain turns the kernel's refusal into a sentence that names the setting behind
// it, where one is.
func explain(what string, err error) error {
	return explainFrom(what, err, func(path string) string {
		b, _ := os.ReadFile(path)
		return strings.TrimSpace(string(b))
	})
}

func explainFrom(what string, err error, read func(path string) string) error {
	if op, ok := errors.AsType[*fs.PathError](err); ok {
		err = op.Err // the operation is this program's own name
	}
	refused := errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) ||
		errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.EUSERS)
	if !refused {
		return fmt.Errorf("lab: %s: %w", what, err)
	}
	for _, s := range settings {
		if read(s.path) == s.forbidding {
			return fmt.Errorf("lab: %s: %w: %s is %s here; an administrator can allow it with: %s",
				what, err, s.path, s.forbidding, s.remedy)
		}
	}
	return fmt.Errorf("lab: %s: %w: something around this process forbids it, as containers do unless started with "+
		"--security-opt seccomp=unconfined --security-opt systempaths=unconfined", what, err)
}
