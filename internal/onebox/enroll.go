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
	id, err := b.activate(ctx, house)
	if err == nil {
		err = b.install(ctx, house, id, token.CAL, b.config.CALs)
	}
	if err == nil && b.config.Connectors > 0 {
		err = b.install(ctx, house, id, token.InternetConnector, b.config.Connectors)
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

func (b *Box) activate(ctx context.Context, house *clearinghouse.Clearinghouse) (serverID string, err error) {
	answer, err := b.tell(ctx, tsls.GetActivationRequest{Company: "TSLab"})
	if err != nil {
		return "", err
	}
	request, ok := answer.(tsls.ActivationRequest)
	if !ok {
		return "", fmt.Errorf("license server: answers the wish for an activation request with %v", answer.Type())
	}
	server, err := house.Activate(request.Document, true)
	if err != nil {
		return "", err
	}
	_, err = b.tell(ctx, tsls.Activate{Document: server.Document})
	return server.ServerID, err
}

func (b *Box) install(ctx context.Context, house *clearinghouse.Clearinghouse, serverID string, kind token.Kind, count uint32) error {
	product, err := productOf(b.config.LicenseServer.Edition)
	if err != nil {
		return err
	}
	program := keypack.LicenseCode
	if kind == token.InternetConnector { // it is not sold in a box
		program = keypack.Select
	}
	pack, err := house.Issue(clearinghouse.Order{
		ServerID: serverID, Kind: kind, Product: product, Program: program, Count: count,
	})
	if err != nil {
		return err
	}
	_, err = b.tell(ctx, tsls.InstallKeyPack{Document: pack.Document})
	return err
}

// tell hands the license server a message of an administrator.
func (b *Box) tell(ctx context.Context, m tsls.Message) (tsls.Message, error) {
	peer := transport.Peer{Hello: tsls.Hello{Version: tsls.Version, Program: "tslab", Name: b.config.Host}}
	answer := b.ls.Handle(ctx, peer, m)
	if e, ok := answer.(tsls.Error); ok {
		return nil, e
	}
	return answer, nil
}

func productOf(e edition.Edition) (keypack.Product, error) {
	major, minor := e.Version()
	for _, p := range keypack.Products() {
		if p.Version == (token.Version{Major: major, Minor: minor}) {
			return p, nil
		}
	}
	return keypack.Product{}, fmt.Errorf("no product of version %d.%d for edition %v", major, minor, e)
}
