package keypack

import (
	"errors"
	"fmt"
	"slices"

	"github.com/tslab/tslab/wire/codes"
	"github.com/tslab/tslab/wire/token"
)

// ID is the Key Pack ID of a pack for the license server serverID; secret is what
// that server and the clearinghouse share ([enroll.Secret]).
func ID(secret []byte, serverID string, kind token.Kind, product Product, program Program, count, serial uint32) (string, error) {
	return codes.PackID(secret, serverID, codes.Pack{
		Kind: uint8(kind), Product: product.Number(), Program: uint8(slices.Index(Programs(), program) + 1), Count: count, Serial: serial,
	})
}

// ReadID reads a Key Pack ID that somebody typed, as [Read] reads a document. former
// are License Server IDs that the server had before: a pack for one of those is
// refused with an [*OtherServerError] that names it. Errors are [*FieldError],
// [*OtherServerError] and [ErrNotActivated].
func ReadID(typed string, secret []byte, serverID string, former []string) (Pack, error) {
	if serverID == "" {
		return Pack{}, ErrNotActivated
	}
	id, err := PackIDField().Check(typed)
	if err != nil {
		return Pack{}, err
	}
	p, err := codes.ReadPackID(secret, serverID, id)
	if errors.Is(err, codes.ErrOtherServer) {
		other := &OtherServerError{PackID: id, Own: serverID}
		for _, f := range former {
			if _, err := codes.ReadPackID(secret, f, id); err == nil {
				other.For = f
			}
		}
		return Pack{}, other
	}
	if err != nil {
		return Pack{}, err
	}
	return packOf(id, serverID, p)
}

func packOf(id, serverID string, p codes.Pack) (Pack, error) {
	kind, product, err := Bought(codes.Bought{Kind: p.Kind, Product: p.Product, Count: p.Count})
	if err != nil {
		return Pack{}, &FieldError{"pack-id", err.Error(), "use a release of this program that knows it"}
	}
	if p.Program == 0 || int(p.Program) > len(Programs()) {
		return Pack{}, &FieldError{"pack-id", fmt.Sprintf("program %d is none that this release knows", p.Program), "use a release of this program that knows it"}
	}
	return Pack{ID: id, ServerID: serverID, Kind: kind, Product: product.Name, Version: product.Version, Program: Programs()[p.Program-1], Count: p.Count}, nil
}

// Bought is what a License Code stands for.
func Bought(b codes.Bought) (token.Kind, Product, error) {
	product, err := ProductOf(b.Product)
	if err != nil {
		return 0, Product{}, err
	}
	kind, err := ParseKind(token.Kind(b.Kind).String())
	if err != nil {
		return 0, Product{}, err
	}
	return kind, product, CheckVersion(kind, product.Version)
}
