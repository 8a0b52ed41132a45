//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/netlab/netns"
)

// forbidVariable makes the test binary tslab on a system that forbids labs.
const forbidVariable = "TSLAB_TEST_FORBID"

// TestMain lets the test binary be the program that the rehearsal starts again.
func TestMain(m *testing.M) {
	how := os.Getenv(forbidVariable)
	if how == "" && !netns.Inside() {
		os.Exit(m.Run())
	}
	if err := forbid(how); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(99)
	}
	os.Exit(cli.Run(context.Background(), command(), append([]string{"tslab"}, os.Args[1:]...), os.Stdout, os.Stderr))
}

// forbid takes namespaces away as a system administrator or a container does.
func forbid(how string) error {
	switch how {
	case "limit": // in the user namespace that the test has made
		return os.WriteFile("/proc/sys/user/max_user_namespaces", []byte("0"), 0)
	case "seccomp":
		return denyClone()
	}
	return nil
}

// denyClone installs a filter under which clone and unshare with CLONE_NEWUSER are
// refused: the part of a container's that matters.
func denyClone() error {
	const arg0 = 16 // offset in struct seccomp_data of the low half of the first argument
	load := func(offset uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
	}
	jump := func(op uint16, k uint32, yes, no uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | op | unix.BPF_K, K: k, Jt: yes, Jf: no}
	}
	end := func(k uint32) unix.SockFilter { return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: k} }
	filter := []unix.SockFilter{
		load(0),
		jump(unix.BPF_JEQ, unix.SYS_CLONE, 1, 0),
		jump(unix.BPF_JEQ, unix.SYS_UNSHARE, 0, 2),
		load(arg0),
		jump(unix.BPF_JSET, unix.CLONE_NEWUSER, 1, 0),
		end(unix.SECCOMP_RET_ALLOW),
		end(unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)),
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&program)))
	if errno != 0 {
		return errno
	}
	return nil
}

// TestForbidden runs doctor and run where labs are forbidden: both name the reason
// and what to change, in the same sentence.
func TestForbidden(t *testing.T) {
	for how, want := range map[string]string{
		"limit":   "/proc/sys/user/max_user_namespaces is 0 here; an administrator can allow it with: sysctl user.max_user_namespaces=10000",
		"seccomp": "a seccomp filter around this process forbids it",
	} {
		t.Run(how, func(t *testing.T) {
			for _, args := range [][]string{{"doctor"}, {"run", "first-logon", "--out", t.TempDir()}} {
				cmd := exec.Command("/proc/self/exe", args...)
				cmd.Env = append(os.Environ(), forbidVariable+"="+how)
				if how == "limit" {
					cmd.SysProcAttr = &syscall.SysProcAttr{
						Cloneflags:  syscall.CLONE_NEWUSER,
						UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
						GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
					}
				}
				said, _ := cmd.CombinedOutput()
				if code := cmd.ProcessState.ExitCode(); code != cli.CodeRefused || !strings.Contains(string(said), "cannot make a user namespace") ||
					!strings.Contains(string(said), want) {
					t.Errorf("tslab %s: exit status %d, says %q, want %q", args[0], code, said, want)
				}
			}
		})
	}
}

// TestDoctorRehearses builds the smallest lab on this system.
func TestDoctorRehearses(t *testing.T) {
	var out, errs bytes.Buffer
	cli.Run(t.Context(), command(), []string{"tslab", "doctor", "--json"}, &out, &errs)
	var checks []check
	if err := json.Unmarshal(out.Bytes(), &checks); err != nil {
		t.Fatalf("%v: %s%s", err, out.String(), errs.String())
	}
	if c := checks[0]; !c.OK {
		t.Errorf("no lab can be built here: %s", c.Advice)
	}
}

func TestExamine(t *testing.T) {
	everything := func(string) bool { return true }
	for name, tt := range map[string]struct {
		ground error
		engine error
		have   func(string) bool
		want   []string // names of what is not there, with their advice's beginning
	}{
		"all well":      {nil, nil, everything, nil},
		"no namespaces": {errors.New("lab: cannot make a user namespace: x; y"), nil, everything, []string{"namespaces, bridges, packet sockets: cannot make a user namespace: x; y"}},
		"not built":     {nil, nil, func(p string) bool { return p != "lserver" }, []string{"lserver: run make build, or put it beside tslab"}},
		"no root":       {nil, errors.New("engine ebpf: x; y"), everything, []string{"(--engine ebpf): x; y"}},
		"no clients":    {nil, nil, func(p string) bool { return p != "rdesktop" }, []string{"(rdesktop): drills with it need it: run make deps"}},
	} {
		var got []string
		for _, c := range examine(tt.ground, tt.engine, tt.have) {
			if !c.OK && c.Optional {
				c.Name = "(" + c.Name + ")"
			}
			if !c.OK {
				got = append(got, c.Name+": "+c.Advice)
			}
		}
		if strings.Join(got, "\n") != strings.Join(tt.want, "\n") {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}
