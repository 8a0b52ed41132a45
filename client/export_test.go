package client

// The parts of the package that its tests reach from outside.

// ParseReg reads a registry file and writes it again.
func ParseReg(path string, b []byte) ([]byte, error) {
	f, err := parseReg(path, b)
	if err != nil {
		return nil, err
	}
	return f.format(), nil
}
