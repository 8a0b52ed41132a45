package harness

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

// insideVariable marks the process that Private has started.
const insideVariable = "TSLAB_HARNESS_PRIVATE"

// Private runs this program again, with the same arguments, in a user and network
// namespace of its own, where it may open packet sockets and has the loopback
// interface for itself. inside is true there; outside, code is how it ended.
func Private() (code int, inside bool, err error) {
	if os.Getenv(insideVariable) != "" {
		if out, err := exec.Command("ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
			return 0, true, fmt.Errorf("ip link set lo up: %w: %s", err, out)
		}
		return 0, true, nil
	}
	cmd := exec.Command(os.Args[0], os.Args[1:]...)
	cmd.Env = append(os.Environ(), insideVariable+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	err = cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode(), false, nil
	}
	return 0, false, err
}
