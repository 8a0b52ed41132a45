package licensing

import "fmt"

// Platform is the PlatformId by which a client says what it runs, MS-RDPELE
// 2.2.2.2: the operating system in the highest byte, who built the client in the
// next, and the build below. It is a claim and no proof.
type Platform uint32

// Operating systems of a Platform. Macintosh is the lab's own: the document lists
// Windows only.
const (
	OSNT351     Platform = 0x01_000000
	OSNT4       Platform = 0x02_000000
	OSNT5       Platform = 0x03_000000 // Windows 2000 and XP
	OSNT52      Platform = 0x04_000000 // 5.2 to 6.3; FreeRDP
	OSNT10      Platform = 0x08_000000
	OSMacintosh Platform = 0x4D_000000
	OSOther     Platform = 0xFF_000000 // rdesktop; Windows without NT
)

// Builders of a Platform.
const (
	ISVMicrosoft Platform = 0x00_01_0000
	ISVCitrix    Platform = 0x00_02_0000
)

// HomeEdition in a Platform's build says that a Windows with NT 5 is none of the
// professional ones. It is the lab's own: the document does not tell them apart.
const HomeEdition Platform = 0x8000

// OS is the part of p that names the operating system.
func (p Platform) OS() Platform { return p & 0xFF_000000 }

// IsProfessional reports whether p claims Windows 2000 Professional or Windows XP
// Professional, the systems that Windows 2000 grants a license of their own. Later
// ones do not count: they came after the built-in licenses.
func (p Platform) IsProfessional() bool { return p.OS() == OSNT5 && p&HomeEdition == 0 }

// IsMacintosh reports whether p claims a Macintosh.
func (p Platform) IsMacintosh() bool { return p.OS() == OSMacintosh }

// String is the number as the documents print it.
func (p Platform) String() string { return fmt.Sprintf("0x%08X", uint32(p)) }
