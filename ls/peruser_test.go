package ls_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/wire/enroll"
	"github.com/tslab/tslab/wire/token"
	"github.com/tslab/tslab/wire/tsls"
)

func perUserPack(n uint32) enroll.KeyPack {
	return enroll.KeyPack{PackID: packID(7), Kind: token.PerUser.String(), Product: "Windows Server 2003", Major: 5, Minor: 2, Count: n}
}

// Windows Server 2003 has two kinds of CAL in two kinds of key pack. Those for users
// are kept and shown, and go to no device: neither per user, where a temporary token
// stays one, nor per device, where they are no stock (rules U8 and U9).
//
// proves R183, R185, R188
func TestPerUserPack(t *testing.T) {
	l := newLab(t, edition.WS2003())
	l.activate()
	if info := must[tsls.ServerInfo](l, tsls.Ping{}); info.PerUserPack {
		t.Errorf("before: %+v", info)
	}
	installed := l.install(perUserPack(2))
	want := tsls.KeyPackInfo{ID: packID(7), Kind: "Per User", Product: "Windows Server 2003", Program: "License Code", Total: 2,
		Available: 2, Installed: installed.Installed}
	if diff := cmp.Diff(want, installed); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if info := must[tsls.ServerInfo](l, tsls.Hello{Edition: "ws2003"}); !info.PerUserPack || info.CALIssuedEver {
		t.Errorf("after: %+v", info)
	}
	if l.free() != 0 {
		t.Errorf("%d CALs for devices", l.free())
	}
	for i, mode := range []string{"device", "user"} {
		d := newDevice(i)
		change := func(a *tsls.Allocate) { a.Mode, a.Edition = mode, "ws2003" }
		if a := l.ask(d, tsls.RequestTemp, tsls.ClassNone, change); a.Answer != tsls.AnswerTempNew {
			t.Errorf("per %s, first: %v", mode, a.Answer)
		}
		l.mark(d)
		if a := l.ask(d, tsls.RequestCAL, tsls.ClassTemporary, change); a.Answer != tsls.AnswerKeep || a.CALIssuedEver {
			t.Errorf("per %s, second: %v", mode, a.Answer)
		}
	}
	l.restart()
	if info := must[tsls.ServerInfo](l, tsls.Ping{}); !info.PerUserPack {
		t.Errorf("after a restart: %+v", info)
	}
	for _, p := range must[tsls.KeyPackList](l, tsls.KeyPacks{}).Packs {
		if p.ID == installed.ID {
			if diff := cmp.Diff(want, p); diff != "" {
				t.Errorf("in the end: -want +got\n%s", diff)
			}
		}
	}
	l.sound()
}

// Windows 2000 knows no license for a user.
func TestPerUserPackIsOf2003(t *testing.T) {
	for _, p := range []edition.Profile{edition.W2K(), edition.W2KSP3()} {
		l := newLab(t, p)
		l.activate()
		k := perUserPack(2)
		k.ServerID = must[tsls.ServerInfo](l, tsls.Ping{}).ServerID
		_, err := l.tell(tsls.InstallKeyPack{Document: l.ca.pack(t, k)})
		if !errors.Is(err, tsls.Error{Code: tsls.CodeDocument}) || !strings.Contains(err.Error(), "install it at one of ws2003") {
			t.Errorf("%v: %v", p.Edition, err)
		}
	}
}
