package clearinghouse

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"

	"github.com/tslab/tslab/internal/clock"
	"github.com/tslab/tslab/ls/keypack"
	"github.com/tslab/tslab/wire/codes"
	"github.com/tslab/tslab/wire/enroll"
	"github.com/tslab/tslab/wire/token"
)

var day = time.Date(2003, 3, 3, 9, 0, 0, 0, time.UTC)

func newHouse(t testing.TB) (*Clearinghouse, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "ch")
	h, err := Init(dir, "Lab Clearinghouse", clock.Fixed(day))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h, dir
}

// request is the activation request of a new license server.
func request(t *testing.T, name string) ([]byte, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	text, err := enroll.ActivationRequest{Server: name, Company: "Fabrikam", Email: "jo@fabrikam.example", Issued: day}.Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	return text, key
}

func cals(serverID string, count uint32) Order {
	return Order{ServerID: serverID, Kind: token.CAL, Product: keypack.Products()[0], Program: keypack.LicenseCode, Count: count}
}

func actions(t *testing.T, h *Clearinghouse) string {
	t.Helper()
	var list []string
	err := h.Audit(func(r Record) error {
		list = append(list, fmt.Sprintf("%d %s", r.Number, r.Action))
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	return strings.Join(list, ", ")
}

func TestInit(t *testing.T) {
	h, dir := newHouse(t)
	root := h.Root()
	if _, err := enroll.CheckRoot(root); err != nil {
		t.Error(err)
	}
	h.Close()
	before, err := os.ReadFile(filepath.Join(dir, RootName))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Init(dir, "Another", clock.System{}); err == nil || !strings.Contains(err.Error(), "its root is not overwritten; choose another folder") {
		t.Errorf("a second init: %v", err)
	}
	after, err := os.ReadFile(filepath.Join(dir, RootName))
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("the root changed (%v)", err)
	}
	h, err = Open(dir, clock.System{})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if !h.Root().Equal(root) {
		t.Error("another root after opening again")
	}
	if !bytes.Contains(before, EncodeRoot(root)) || bytes.Contains(EncodeRoot(root), []byte("PRIVATE")) {
		t.Error("EncodeRoot")
	}
	second, _ := newHouse(t)
	if second.Root().Equal(root) {
		t.Error("two clearinghouses have one root")
	}
}

func TestOpenRefuses(t *testing.T) {
	h, dir := newHouse(t)
	if _, err := Open(t.TempDir(), clock.System{}); err == nil || !strings.Contains(err.Error(), "make one with `clearinghouse init --state") {
		t.Errorf("empty folder: %v", err)
	}
	if _, err := Open(dir, clock.System{}); err == nil || !strings.Contains(err.Error(), "in use by another program") {
		t.Errorf("in use: %v", err)
	}
	h.Close()
	path := filepath.Join(dir, RootName)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, otherDir := newHouse(t)
	other, err := os.ReadFile(filepath.Join(otherDir, RootName))
	if err != nil {
		t.Fatal(err)
	}
	const begin = "-----BEGIN PRIVATE KEY"
	cert, _, _ := strings.Cut(string(text), begin)
	_, otherKey, _ := strings.Cut(string(other), begin)
	for _, tt := range []struct{ name, text, want string }{
		{"no key", cert, "want a CERTIFICATE and a PRIVATE KEY in PEM; restore it from a backup"},
		{"another's key", cert + begin + otherKey, "the key is not the certificate's"},
		{"damaged", strings.Replace(string(text), "MII", "MIA", 1), "restore it from a backup"},
	} {
		if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir, clock.System{}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v; want %q", tt.name, err, tt.want)
		}
	}
	if runtime.GOOS == "windows" {
		return
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, clock.System{}); err == nil || !strings.Contains(err.Error(), "run chmod 600") {
		t.Errorf("readable key: %v", err)
	}
}

func TestActivate(t *testing.T) {
	h, _ := newHouse(t)
	text, key := request(t, "LS1")
	s, err := h.Activate(text)
	if err != nil {
		t.Fatal(err)
	}
	a, err := enroll.ParseActivation(s.Document)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.CheckKey(key.Public()); err != nil {
		t.Error(err)
	}
	want := enroll.Activation{Server: "LS1", Company: "Fabrikam", ServerID: s.ServerID, Issued: day, Certificate: s.Certificate, Root: h.Root().Raw}
	if diff := cmp.Diff(want, a); diff != "" {
		t.Errorf("activation (-want +got):\n%s", diff)
	}

	_, err = h.Activate(text)
	known, ok := errors.AsType[*ActivatedError](err)
	if !ok || known.ServerID != s.ServerID || known.Name != "LS1" || !known.Since.Equal(day) {
		t.Fatalf("a second activation: %v", err)
	}
	again, err := h.Reactivate(text, "certificate-corrupt")
	if err != nil {
		t.Fatal(err)
	}
	if again.ServerID == s.ServerID || again.Key != s.Key {
		t.Errorf("activated again: %s, then %s", s.ServerID, again.ServerID)
	}
	if _, err := h.Issue(cals(s.ServerID, 5)); err == nil || !strings.Contains(err.Error(), "is "+again.ServerID+" now; give that number") {
		t.Errorf("a key pack for the old id: %v", err)
	}
	if _, err := h.Issue(cals(again.ServerID, 5)); err != nil {
		t.Error(err)
	}
	namesake, _ := request(t, "LS1") // another server of the same name
	if _, err := h.Activate(namesake); err != nil {
		t.Error(err)
	}
	if got, want := actions(t, h), "1 init, 2 activate, 3 reactivate, 4 issue, 5 activate"; got != want {
		t.Errorf("audit log: %s, want %s", got, want)
	}
}

func TestActivateRefuses(t *testing.T) {
	h, _ := newHouse(t)
	text, _ := request(t, "LS1")
	s, err := h.Activate(text)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, text, want string
	}{
		{"nothing", "", "no line begins with"},
		{"its own answer", string(s.Document), "activation request, line 1: this is another document: ACTIVATION; an activation request is written by `licmgr request`"},
		{"edited", strings.Replace(string(text), "Fabrikam", "Contoso", 1), "activation request, line 3: the line says"},
	} {
		if _, err := h.Activate([]byte(tt.text)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v; want %q", tt.name, err, tt.want)
		}
	}
	if got, want := actions(t, h), "1 init, 2 activate"; got != want {
		t.Errorf("audit log: %s, want %s", got, want)
	}
}

func TestIssue(t *testing.T) {
	h, _ := newHouse(t)
	text, _ := request(t, "LS1")
	s, err := h.Activate(text)
	if err != nil {
		t.Fatal(err)
	}
	order := Order{ServerID: s.ServerID, Kind: token.InternetConnector, Product: keypack.Products()[1], Program: keypack.Select, Count: 3}
	p, err := h.Issue(order)
	if err != nil {
		t.Fatal(err)
	}
	got, err := keypack.Read(p.Document, h.Root(), s.ServerID)
	if err != nil {
		t.Fatal(err)
	}
	want := keypack.Pack{ID: p.PackID, ServerID: s.ServerID, Kind: token.InternetConnector, Product: "Windows Server 2003",
		Version: token.Version{Major: 5, Minor: 2}, Program: keypack.Select, Count: 3, Issued: day}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("key pack (-want +got):\n%s", diff)
	}
	for _, tt := range []struct {
		name   string
		change func(*Order)
		want   string
	}{
		{"unknown server", func(o *Order) { o.ServerID = codes.ServerID(&x509.Certificate{SerialNumber: big.NewInt(1)}) }, "no license server was activated here as LAB-"},
		{"no id", func(o *Order) { o.ServerID = "LS1" }, "server-id: it does not begin with LAB"},
		{"no count", func(o *Order) { o.Count = 0 }, "a key pack holds 1 to 1000000 tokens, not 0"},
		{"too many", func(o *Order) { o.Count = 1_000_001 }, "not 1000001"},
		{"temporary", func(o *Order) { o.Kind = token.Temporary }, `not "temporary"`},
		{"no program", func(o *Order) { o.Program = "Lease" }, `there is no licensing program "Lease"`},
	} {
		bad := order
		tt.change(&bad)
		if _, err := h.Issue(bad); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v; want %q", tt.name, err, tt.want)
		}
	}
}

// TestAtOnce: orders at once give as many different key packs, all in the log.
func TestAtOnce(t *testing.T) {
	h, _ := newHouse(t)
	text, _ := request(t, "LS1")
	s, err := h.Activate(text)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	packs := map[string]bool{}
	for range 10 {
		wg.Go(func() {
			p, err := h.Issue(cals(s.ServerID, 1))
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			packs[p.PackID] = true
		})
	}
	wg.Wait()
	if n := strings.Count(actions(t, h), "issue"); len(packs) != 10 || n != 10 {
		t.Errorf("%d key packs, %d records", len(packs), n)
	}
}

// TestAuditIsWhole: a record that was changed or taken out is found.
func TestAuditIsWhole(t *testing.T) {
	for name, change := range map[string]func(*bbolt.Bucket) error{
		"changed": func(b *bbolt.Bucket) error {
			k, v := b.Cursor().First()
			return b.Put(k, bytes.Replace(v, []byte("init"), []byte("exit"), 1))
		},
		"taken out": func(b *bbolt.Bucket) error {
			c := b.Cursor()
			c.First()
			k, _ := c.Next()
			return b.Delete(k)
		},
		"damaged": func(b *bbolt.Bucket) error {
			k, v := b.Cursor().First()
			return b.Put(k, v[1:])
		},
	} {
		h, _ := newHouse(t)
		text, _ := request(t, "LS1")
		s, err := h.Activate(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.Issue(cals(s.ServerID, 1)); err != nil {
			t.Fatal(err)
		}
		if err := h.db.Update(func(tx *bbolt.Tx) error { return change(tx.Bucket([]byte(bucketAudit))) }); err != nil {
			t.Fatal(err)
		}
		if err := h.Audit(func(Record) error { return nil }); !errors.Is(err, errDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
