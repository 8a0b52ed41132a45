package tsls

import "time"

// Unlimited is the Total and Available of a pool that never empties.
const Unlimited = 1<<32 - 1

// InstallKeyPack brings a key pack; it is answered with [KeyPackInstalled].
type InstallKeyPack struct {
	Document []byte // a wire/enroll key pack
}

// Type is [TypeInstallKeyPack].
func (InstallKeyPack) Type() Type { return TypeInstallKeyPack }

func (m InstallKeyPack) code(c *coder) Message {
	c.blob("document", &m.Document)
	return m
}

// KeyPackInstalled answers [InstallKeyPack].
type KeyPackInstalled struct {
	Pack KeyPackInfo
}

// Type is [TypeKeyPackInstalled].
func (KeyPackInstalled) Type() Type { return TypeKeyPackInstalled }

func (m KeyPackInstalled) code(c *coder) Message {
	codeKeyPackInfo(c, &m.Pack)
	return m
}

// KeyPacks asks for the key packs; it is answered with [KeyPackList].
type KeyPacks struct{}

// Type is [TypeKeyPacks].
func (KeyPacks) Type() Type { return TypeKeyPacks }

func (m KeyPacks) code(*coder) Message { return m }

// KeyPackList answers [KeyPacks].
type KeyPackList struct {
	Packs []KeyPackInfo
}

// Type is [TypeKeyPackList].
func (KeyPackList) Type() Type { return TypeKeyPackList }

func (m KeyPackList) code(c *coder) Message {
	list(c, "packs", &m.Packs, MaxKeyPacks, codeKeyPackInfo)
	return m
}

// KeyPackInfo is a key pack, or one of the pools that a license server has of its
// own (temporary and built-in tokens), with its counts.
type KeyPackInfo struct {
	ID        string // Key Pack ID; empty for a pool of its own
	Kind      string // kind of its tokens: "CAL", "temporary", "built-in", "Internet Connector", "Per User"
	Product   string // what they license: "Windows 2000", "Windows Server 2003"
	Program   string // how it was bought: "License Code", "Open License", ...
	Total     uint32 // Unlimited: never empties
	Issued    uint32
	Available uint32
	Installed time.Time
}

func codeKeyPackInfo(c *coder, m *KeyPackInfo) {
	c.text("id", &m.ID)
	c.text("kind", &m.Kind)
	c.text("product", &m.Product)
	c.text("program", &m.Program)
	c.u32("total", &m.Total)
	c.u32("issued", &m.Issued)
	c.u32("available", &m.Available)
	c.time("installed", &m.Installed)
}
