package ts

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/tslab/tslab/internal/rdpconn"
	"github.com/tslab/tslab/internal/tamper"
	"github.com/tslab/tslab/ts/policy"
	"github.com/tslab/tslab/ts/screen"
	"github.com/tslab/tslab/wire/rdpsec"
)

// Server is a terminal server.
type Server struct {
	config Config
	key    *rdpsec.PrivateKey
	rdp    rdpconn.ServerConfig
	// certificate is the SERVER_CERTIFICATE of license requests.
	certificate []byte
	known       *known
	admin       *administration
	connector   *connector
	work        chan struct{} // tells the duties to look again
	grace       *gracePeriod
	graceSigner *graceSigner
	catalog     *catalog
	door        *door
	painter     *screen.Painter
	transcript  *transcript
	seats       seats
	reports     sync.WaitGroup // to license servers, under way
	screens     screens
	tamper      tamper.Table // the faults of a lab
	ready       chan struct{}
}

// New makes a terminal server: its keys are made now if its state folder has none.
func New(c Config) (*Server, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Server{config: c, ready: make(chan struct{}), door: newDoor(c.Limits), transcript: &transcript{w: c.Transcript}, work: make(chan struct{}, 1)}
	if s.key, err = loadKey(c.Dir, c.KeyBits); err != nil {
		return nil, err
	}
	if err := s.configureRDP(); err != nil {
		return nil, err
	}
	if s.known, err = loadKnown(c.Dir, c.Roots); err != nil {
		return nil, err
	}
	if s.admin, err = loadAdministration(s.config); err != nil {
		return nil, err
	}
	if s.grace, err = loadGrace(c.Dir, s.profile, c.Events); err != nil {
		return nil, err
	}
	s.connector = newConnector(s)
	if s.catalog, err = newCatalog(s); err != nil {
		return nil, err
	}
	if s.graceSigner, err = newGraceSigner(c, s.catalog.id.Key); err != nil {
		return nil, err
	}
	s.painter, err = screen.NewPainter()
	return s, err
}

func (s *Server) configureRDP() error {
	c := &s.config
	s.rdp = rdpconn.ServerConfig{
		Tamper:    &s.tamper,
		Protocols: c.Security, Encryption: c.Encryption, Key: s.key,
		StepTimeout: c.Limits.Step, KeyLog: c.KeyLog, EncryptLicensing: c.EncryptLicensing, SaltedMAC: c.SaltedMAC, LowLevel: c.LowLevel, SlowPath: c.SlowPath,
	}
	var err error
	if s.rdp.Certificate, s.certificate, err = serverCertificates(c.Certificate, s.key.Public(), c.Host); err != nil {
		return err
	}
	if c.Security == rdpconn.RDPOnly {
		return nil
	}
	cert, err := loadTLS(c.Dir, c.Host)
	if err != nil {
		return err
	}
	s.rdp.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, KeyLogWriter: c.KeyLog}
	return nil
}

// Addr is where it listens.
func (s *Server) Addr() net.Addr { return s.config.Listener.Addr() }

// Ready is closed when Run accepts clients and has taken up its duties.
func (s *Server) Ready() <-chan struct{} { return s.ready }

// Run serves until ctx ends, then ends every connection and returns nil.
func (s *Server) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer s.reports.Wait()
	defer s.catalog.close()
	if err := s.grace.change(func(g policy.Grace) (policy.Grace, []policy.Duty) {
		return g.ServiceStarted(s.profile(), s.config.Clock.Now())
	}); err != nil {
		return err
	}
	if s.setup().mode != policy.ModeAdmin {
		s.catalog.finder.Pass(ctx)
	}
	duties := make(chan error, 1)
	d := newDuties(s)
	go func() {
		err := d.run(ctx)
		cancel() // without them there is no service
		duties <- err
	}()
	err := s.accept(ctx)
	cancel()
	if duty := <-duties; err == nil {
		err = duty
	}
	return err
}

// accept takes connections until ctx ends, and waits for those that it has taken.
func (s *Server) accept(ctx context.Context) error {
	var all sync.WaitGroup
	defer all.Wait()
	stop := context.AfterFunc(ctx, func() { s.config.Listener.Close() })
	defer stop()
	for pause := time.Millisecond; ; {
		c, err := s.config.Listener.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				c.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("terminal server: %w", err)
		case err != nil: // out of file descriptors: others will be given back
			s.rest(ctx, pause)
			pause = min(2*pause, time.Second)
			continue
		}
		pause = time.Millisecond
		g, refused := s.door.enter(c)
		if g == nil {
			s.refuse(c, refused)
			continue
		}
		all.Go(func() { s.serve(ctx, g) })
	}
}

func (s *Server) rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
