package client

import "github.com/tslab/tslab/wire/licensing"

// refusalText says in words what a server's alert means for this device.
func refusalText(code licensing.Code) string {
	switch code {
	case licensing.NoLicenseServer:
		return "the server found no license server to give this device a license"
	case licensing.InvalidClient:
		return "the server takes neither this device nor its license"
	case licensing.InvalidMAC:
		return "the server says that a message of this device was wrongly sealed"
	case licensing.InvalidScope:
		return "the server says that the license is for another scope"
	case licensing.InvalidProductID:
		return "the server says that the license is for another product"
	case licensing.InvalidMessageLength:
		return "the server says that a message of this device has a wrong length"
	}
	return "the server ended licensing"
}

// licensingErrorInfo is the text of a Set Error Info code that concerns licensing,
// MS-RDPBCGR 2.2.5.1.1: 0x100 to 0x10A.
func licensingErrorInfo(code uint32) (text string, ok bool) {
	switch code {
	case 0x100:
		return "an internal error in the server's licensing", true
	case 0x101:
		return "no license server is available", true
	case 0x102:
		return "no license is available for this computer", true
	case 0x103:
		return "the server got an invalid licensing message", true
	case 0x104:
		return "the stored license belongs to another hardware id", true
	case 0x105:
		return "the stored license is in an invalid format", true
	case 0x106:
		return "the network failed during licensing", true
	case 0x107:
		return "this computer ended licensing", true
	case 0x108:
		return "a licensing message was wrongly encrypted", true
	case 0x109:
		return "the stored license cannot be upgraded or renewed", true
	case 0x10A:
		return "the server is not licensed to accept remote connections", true
	}
	return "", false
}
