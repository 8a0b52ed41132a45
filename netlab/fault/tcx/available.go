//go:build linux

package tcx

import (
	"errors"
	"fmt"
	"math"
	"os"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// other is how every refusal ends.
const other = "or use --engine user, which needs none of this"

// Available says whether the kernel takes this engine's programs from this process;
// the error says in a sentence why it does not, and what to change. Nothing is left
// behind, and no interface is touched.
func Available() error {
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "tslab_probe", Type: ebpf.SchedCLS, License: "MIT", Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, next), asm.Return()},
	})
	if err != nil {
		return explain(err)
	}
	defer p.Close()
	// No interface has this number: a kernel that knows tcx says so.
	_, err = link.AttachTCX(link.TCXOptions{Interface: math.MaxInt32, Program: p, Attach: ebpf.AttachTCXIngress})
	if errors.Is(err, unix.ENODEV) {
		return nil
	}
	return explain(err)
}

// explain makes a sentence of what the kernel said.
func explain(err error) error {
	switch {
	case err == nil:
		return errors.New("engine ebpf: the kernel attached a program to an interface that does not exist")
	case os.Geteuid() != 0:
		return fmt.Errorf("engine ebpf: the kernel takes programs from root alone: run it as root, %s", other)
	case errors.Is(err, ebpf.ErrNotSupported):
		return fmt.Errorf("engine ebpf: this kernel has no tcx, which came with Linux 6.6 (CONFIG_NET_XGRESS): use a newer one, %s", other)
	case errors.Is(err, unix.ENOSYS):
		return fmt.Errorf("engine ebpf: this kernel has no bpf() (CONFIG_BPF_SYSCALL), or a filter hides it: use one that has, %s", other)
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return fmt.Errorf("engine ebpf: root may not give the kernel programs here, as in a container or a user namespace: give it CAP_BPF and CAP_NET_ADMIN (--cap-add BPF --cap-add NET_ADMIN), %s", other)
	}
	return fmt.Errorf("engine ebpf: %w", err)
}
