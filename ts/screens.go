package ts

import (
	"bytes"
	"encoding/json"
	"image"
	"image/png"
	"sync"
)

// Screen is what the client of one connection has been sent to see.
type Screen struct {
	Device string
	User   string // empty before the logon
	Image  *image.Paletted
}

// MarshalJSON writes the image as PNG.
func (s Screen) MarshalJSON() ([]byte, error) {
	var text bytes.Buffer
	if err := png.Encode(&text, s.Image); err != nil {
		return nil, err
	}
	return json.Marshal(struct {
		Device string `json:"device"`
		User   string `json:"user,omitempty"`
		PNG    []byte `json:"png"`
	}{s.Device, s.User, text.Bytes()})
}

// screens keeps what is on the clients' screens: tests hold a real client's pixels
// against it.
type screens struct {
	mu  sync.Mutex
	all map[*desk]Screen
}

func (s *screens) show(d *desk, img *image.Paletted) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[*desk]Screen{}
	}
	s.all[d] = Screen{Device: d.license.machine, User: d.user, Image: img}
}

func (s *screens) forget(d *desk) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, d)
}

// Screens returns what every connection that draws shows now, in no order. The
// images must not be changed.
func (s *Server) Screens() []Screen {
	s.screens.mu.Lock()
	defer s.screens.mu.Unlock()
	all := make([]Screen, 0, len(s.screens.all))
	for _, screen := range s.screens.all {
		all = append(all, screen)
	}
	return all
}
