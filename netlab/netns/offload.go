//go:build linux

package netns

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ethtoolValue is struct ethtool_value of linux/ethtool.h.
type ethtoolValue struct{ command, data uint32 }

// ifreqData is struct ifreq of linux/if.h with its pointer member.
type ifreqData struct {
	name [unix.IFNAMSIZ]byte
	data unsafe.Pointer
	_    [24 - unsafe.Sizeof(uintptr(0))]byte
}

// plainFrames turns off what lets the host's interface send unfinished frames: checksum
// offload, and with it segmentation offload.
func (h *Host) plainFrames(ifname string) error {
	for _, command := range []uint32{unix.ETHTOOL_STXCSUM, unix.ETHTOOL_SGSO} {
		value := ethtoolValue{command, 0}
		request := ifreqData{data: unsafe.Pointer(&value)}
		copy(request.name[:unix.IFNAMSIZ-1], ifname)
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(h.raw), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request)))
		if errno != 0 && errno != unix.EOPNOTSUPP {
			return fmt.Errorf("offload of %s: %w", ifname, errno)
		}
	}
	return nil
}
