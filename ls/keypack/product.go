package keypack

import (
	"fmt"
	"strings"

	"github.com/tslab/tslab/wire/token"
)

// Product is what a token licenses access to.
type Product struct {
	Name    string
	Version token.Version
}

// Products lists the products that key packs are sold for, the oldest first.
func Products() []Product {
	return []Product{
		{"Windows 2000", token.Version{Major: 5, Minor: 0}},
		{"Windows Server 2003", token.Version{Major: 5, Minor: 2}},
	}
}

// ParseProduct finds a product by its name or by its version.
func ParseProduct(s string) (Product, error) {
	var names []string
	for _, p := range Products() {
		if strings.EqualFold(s, p.Name) || s == p.Version.String() {
			return p, nil
		}
		names = append(names, fmt.Sprintf("%q", p.Name))
	}
	return Product{}, fmt.Errorf("there is no product %q; choose %s", s, strings.Join(names, " or "))
}

// Number is a product as Key Pack IDs and License Codes hold it; 0: unknown.
func (p Product) Number() uint8 {
	for i, q := range Products() {
		if p == q {
			return uint8(i + 1)
		}
	}
	return 0
}

// ProductOf finds a product by its number.
func ProductOf(number uint8) (Product, error) {
	if list := Products(); number >= 1 && int(number) <= len(list) {
		return list[number-1], nil
	}
	return Product{}, fmt.Errorf("product %d is none that this release knows", number)
}
