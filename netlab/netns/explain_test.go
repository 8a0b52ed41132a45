//go:build linux

package netns

import (
	"strings"
	"syscall"
	"testing"
)

func TestExplainNamesTheSetting(t *testing.T) {
	for _, tt := range []struct {
		name   string
		err    error
		values map[string]string
		want   string
	}{
		{"AppArmor", syscall.EACCES, map[string]string{"/proc/sys/kernel/apparmor_restrict_unprivileged_userns": "1"},
			"sysctl kernel.apparmor_restrict_unprivileged_userns=0"},
		{"Debian switch", syscall.EPERM, map[string]string{"/proc/sys/kernel/unprivileged_userns_clone": "0"},
			"sysctl kernel.unprivileged_userns_clone=1"},
		{"limit", syscall.ENOSPC, map[string]string{"/proc/sys/user/max_user_namespaces": "0"},
			"sysctl user.max_user_namespaces=10000"},
		{"container", syscall.EPERM, nil, "seccomp=unconfined"},
		{"something else", syscall.ENOMEM, nil, "lab: no luck: cannot allocate memory"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := explainFrom("no luck", tt.err, func(path string) string { return tt.values[path] })
			if !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v\nwant one line with %q", err, tt.want)
			}
		})
	}
}
