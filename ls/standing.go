package ls

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"

	"github.com/tslab/tslab/internal/crash"
	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/internal/eventlog"
	"github.com/tslab/tslab/ls/store"
)

// withdrawn is id without its activation: key packs and licenses stay, only temporary
// tokens are issued. The certificate is announced as a former one, so that what it
// signed stays known.
func withdrawn(id store.Identity) store.Identity {
	if id.Activated() {
		id.Former = append([][]byte{id.Chain[len(id.Chain)-1]}, id.Former...)
	}
	id.Chain, id.ServerID = nil, ""
	return id
}

// Deactivate takes the activation back (decision L27) and returns the License Server
// ID that the server had. Key packs and issued licenses stay, and CALs work until
// their expiry. A new activation brings another License Server ID, under which the
// installed packs go on.
func (s *Server) Deactivate(ctx context.Context) (serverID string, err error) {
	s.standing.Lock()
	defer s.standing.Unlock()
	var id store.Identity
	err = s.store.Update(ctx, func(tx *store.Tx) (err error) {
		if id, _, err = tx.Identity(); err != nil {
			return err
		}
		if !id.Activated() && tx.NeedsReactivation() && len(id.Former) > 0 { // an upgrade was first
			if cert, err := x509.ParseCertificate(id.Former[0]); err == nil {
				serverID = cert.Subject.CommonName
			}
			return tx.SetReactivate(false)
		}
		if !id.Activated() {
			return errors.New("the license server is not activated")
		}
		serverID = id.ServerID
		id = withdrawn(id)
		return tx.SetIdentity(id)
	})
	if err != nil {
		return "", err
	}
	if err := s.setIdentity(id); err != nil {
		return "", err
	}
	s.config.Log.Event(eventlog.ServerDisabled, eventlog.F("server_id", serverID))
	s.announce()
	return serverID, nil
}

// upgrade notes the edition that the state folder is used with. From Windows 2000 to
// 2003 is an upgrade of the machine: by the knob ls_upgrade it must be activated again,
// and issues temporary tokens until then (rules L2, L18). There is no way back.
func (s *Server) upgrade() error {
	now := s.config.Edition.Edition
	var was edition.Edition
	var had bool
	var id store.Identity
	err := s.store.Update(crash.In(context.Background(), "upgrade"), func(tx *store.Tx) (err error) {
		name := tx.Edition()
		if name == now.String() {
			was = now
			return nil
		}
		if was = now; name != "" {
			if was, err = edition.ParseEdition(name); err != nil {
				return fmt.Errorf("license store: %w", err)
			}
		}
		if was == edition.Server2003 && now != edition.Server2003 {
			return fmt.Errorf("the state folder is that of a license server of %v, which has no way back to %v: run it with --edition %v, or choose another --state", was, now, was)
		}
		if id, _, err = tx.Identity(); err != nil {
			return err
		}
		if had = id.Activated() && was != now && s.config.Edition.LSUpgrade == edition.UpgradeReactivates; had {
			id = withdrawn(id)
			if err := errors.Join(tx.SetIdentity(id), tx.SetReactivate(true)); err != nil {
				return err
			}
		}
		return tx.SetEdition(now.String())
	})
	if err != nil || !had {
		return err
	}
	s.config.Log.Event(eventlog.ServerUpgraded, eventlog.F("from", was), eventlog.F("to", now))
	return s.setIdentity(id)
}

// isFormer reports a certificate that was signed with before.
func isFormer(id store.Identity, certificate []byte) bool {
	return slices.ContainsFunc(id.Former, func(c []byte) bool { return slices.Equal(c, certificate) })
}
