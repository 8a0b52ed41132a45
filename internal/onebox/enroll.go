package onebox

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/internal/transport"
	"github.com/tslab/tslab/ls"
	"github.com/tslab/tslab/ls/clearinghouse"
	"github.com/tslab/tslab/ls/keypack"
	"github.com/tslab/tslab/wire/token"
	"github.com/tslab/tslab/wire/tsls"
)

// enroll takes the license server through activation and the installation of a key
// pack, with the same documents that clearinghouse and licmgr would carry. A box
// that has been through it stays as it is.
func (b *Box) enroll(ctx context.Context) error {
	status, err := b.ls.Status()
	if err != nil || status.Activated || b.config.CALs == 0 {
		return err
	}
	house, err := b.clearinghouse()
	if err != nil {
		return err
	}
	_, err = Activate(ctx, b.ls, house)
	if err == nil {
		err = Stock(ctx, b.ls, house, token.CAL, b.config.CALs)
	}
	if err == nil && b.config.Connectors > 0 {
		err = Stock(ctx, b.ls, house, token.InternetConnector, b.config.Connectors)
	}
	return errors.Join(err, house.Close())
}

func (b *Box) clearinghouse() (*clearinghouse.Clearinghouse, error) {
	dir := filepath.Join(b.config.Dir, "clearinghouse")
	_, err := os.Stat(filepath.Join(dir, clearinghouse.RootName))
	if errors.Is(err, fs.ErrNotExist) {
		return clearinghouse.Init(dir, "TSLab one-box clearinghouse", b.config.Clock)
	}
	return clearinghouse.Open(dir, b.config.Clock)
}

// Activate takes a license server through activation at a clearinghouse, with the same
// documents that clearinghouse and licmgr would carry.
func Activate(ctx context.Context, server *ls.Server, house *clearinghouse.Clearinghouse) (tsls.ServerInfo, error) {
	request, err := tell[tsls.ActivationRequest](ctx, server, tsls.GetActivationRequest{Company: "TSLab"})
	if err != nil {
		return tsls.ServerInfo{}, err
	}
	activation, err := house.Activate(request.Document)
	if _, ok := errors.AsType[*clearinghouse.ActivatedError](err); ok { // the license server has lost it
		activation, err = house.Reactivate(request.Document, "redeployed")
	}
	if err != nil {
		return tsls.ServerInfo{}, err
	}
	return tell[tsls.ServerInfo](ctx, server, tsls.Activate{Document: activation.Document})
}

// Stock buys a key pack of licenses for the license server's own version of Windows,
// and installs it.
func Stock(ctx context.Context, server *ls.Server, house *clearinghouse.Clearinghouse, kind token.Kind, count uint32) error {
	info, err := tell[tsls.ServerInfo](ctx, server, tsls.Ping{})
	if err != nil {
		return err
	}
	product, err := productOf(info.Edition)
	if err != nil {
		return err
	}
	program := keypack.LicenseCode
	if kind == token.InternetConnector { // it is not sold in a box
		program = keypack.Select
	}
	pack, err := house.Issue(clearinghouse.Order{
		ServerID: info.ServerID, Kind: kind, Product: product, Program: program, Count: count,
	})
	if err != nil {
		return err
	}
	_, err = tell[tsls.KeyPackInstalled](ctx, server, tsls.InstallKeyPack{Document: pack.Document})
	return err
}

// tell hands a license server a message of an administrator.
func tell[A tsls.Message](ctx context.Context, server *ls.Server, m tsls.Message) (answer A, err error) {
	peer := transport.Peer{Hello: tsls.Hello{Version: tsls.Version, Program: "tslab"}}
	switch a := server.Handle(ctx, peer, m).(type) {
	case A:
		return a, nil
	case tsls.Error:
		return answer, a
	default:
		return answer, fmt.Errorf("license server: answers %v with %v", m.Type(), a.Type())
	}
}

// productOf is what an edition's own licenses are for.
func productOf(name string) (keypack.Product, error) {
	e, err := edition.ParseEdition(name)
	if err != nil {
		return keypack.Product{}, err
	}
	major, minor := e.Version()
	for _, p := range keypack.Products() {
		if p.Version == (token.Version{Major: major, Minor: minor}) {
			return p, nil
		}
	}
	return keypack.Product{}, fmt.Errorf("no product of version %d.%d for edition %v", major, minor, e)
}
