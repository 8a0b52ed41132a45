package client_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/tslab/tslab/client"
	"github.com/tslab/tslab/wire/hwid"
)

// TestStoreIsShared lets several programs, each with the store open, change it at
// once: no license is lost, and there is one hardware id.
func TestStoreIsShared(t *testing.T) {
	for _, persona := range []string{"9x", "mac"} {
		t.Run(persona, func(t *testing.T) {
			p, err := client.FindPersona(persona)
			if err != nil {
				t.Fatal(err)
			}
			const programs, each = 6, 4
			dir := t.TempDir()
			ids := make(chan hwid.ID, programs)
			var all sync.WaitGroup
			for n := range programs {
				s, err := client.OpenStore(p, dir)
				if err != nil {
					t.Fatal(err)
				}
				all.Go(func() {
					id, err := s.FirstHardwareID(hwid.New(uint32(n), [16]byte{byte(n)}))
					if err != nil {
						t.Error(err)
					}
					ids <- id
					for i := range each {
						if err := s.Put(license("lab.example", fmt.Sprint("P", n, "-", i), "license")); err != nil {
							t.Error(err)
						}
					}
				})
			}
			all.Wait()
			s, err := client.OpenStore(p, dir)
			if err != nil {
				t.Fatal(err)
			}
			want, ok := s.HardwareID()
			for range programs {
				if id := <-ids; !ok || id != want {
					t.Errorf("a program has the hardware id %v, the store %v", id, want)
				}
			}
			if got := len(s.Licenses()); got != programs*each {
				t.Errorf("%d licenses, want %d", got, programs*each)
			}
		})
	}
}

// TestFirstHardwareID: a new id makes what was stored under another one worthless,
// an old one stays.
func TestFirstHardwareID(t *testing.T) {
	for _, persona := range []string{"9x", "mac"} {
		p, err := client.FindPersona(persona)
		if err != nil {
			t.Fatal(err)
		}
		s, err := client.OpenStore(p, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Put(license("lab.example", "P", "license")); err != nil {
			t.Fatal(err)
		}
		first := hwid.New(1, [16]byte{1})
		for _, offered := range []hwid.ID{first, hwid.New(2, [16]byte{2})} {
			if got, err := s.FirstHardwareID(offered); err != nil || got != first || len(s.Licenses()) != 0 {
				t.Errorf("%s: hardware id %v, %v with %d licenses, want %v and none", persona, got, err, len(s.Licenses()), first)
			}
		}
	}
}
