package main

import (
	"crypto/sha256"
	"crypto/x509"
	"math/big"
	"os"
	"strings"
	"testing"

	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/ls/keypack"
	"github.com/tslab/tslab/wire/codes"
	"github.com/tslab/tslab/wire/token"
)

// bytes is what lies in the license server's store.
func (d *desk) bytes() [sha256.Size]byte {
	d.t.Helper()
	text, err := os.ReadFile(d.store.file)
	if err != nil {
		d.t.Fatal(err)
	}
	return sha256.Sum256(text)
}

// wrongAt is something that a license server refuses: with what is wrong, and what to do.
type wrongAt struct {
	name, args, want, remedy string
}

// TestWrongAtTheServer: what a license server is brought and does not want is answered
// with what it is and what to do, and not a byte of its store changes. The clearinghouse's
// own table is TestWrongInputs in ls/clearinghouse; what is refused before anything is sent
// is above.
//
// proves R19, R71, R72, R121
func TestWrongAtTheServer(t *testing.T) {
	o := newOffice(t, newDesk(t).house)
	d := atDesk(t, "LS1", edition.W2KSP3(), o, false)
	other := atDesk(t, "LS2", edition.W2KSP3(), o, false)
	stranger := newDesk(t) // of another clearinghouse
	foreign := stranger.pack("pack.txt", stranger.activate(false).ServerID, 3)
	d.write("foreign.txt", foreign.Document)
	other.must("activate")
	theirs := other.pack("pack.txt", other.show().Server.ServerID, 5)
	d.write("theirs.txt", theirs.Document)
	d.write("theirs-request.txt", []byte(other.must("request")))
	mine := codes.NewProductID([32]byte{3})

	refuse := func(list []wrongAt) {
		t.Helper()
		before := d.bytes()
		for _, w := range list {
			code, stdout, stderr := d.run(strings.Fields(w.args)...)
			if code != 1 || stdout != "" || !strings.Contains(stderr, w.want) || !strings.Contains(stderr, w.remedy) {
				t.Errorf("%s: exit %d, %q, %q; want %q and %q", w.name, code, stdout, stderr, w.want, w.remedy)
			}
			if d.bytes() != before {
				t.Fatalf("%s: the store has changed", w.name)
			}
		}
	}
	refuse([]wrongAt{ // not activated yet
		{"a key pack before the activation", "install --file @/theirs.txt", "not activated", "activate it first"},
		{"its number", "install --pack-id " + theirs.PackID, "not activated", "activate it first"},
		{"an order", "install --program select --enrollment-number LAB-1234566 --count 1", "not activated", "activate it first"},
		{"a reactivation of nobody", "reactivate --reason redeployed", "not activated here now", "activate it; no reason is needed for that"},
		{"the License Server ID of another", "activate --server-id " + other.show().Server.ServerID, "server-id: ", "give the clearinghouse the Product ID of this server"},
		{"a number that opens nothing", "activate --server-id " + codes.ServerID(&x509.Certificate{SerialNumber: big.NewInt(1)}), "server-id: ", "Product ID of this server"},
		{"a Product ID", "activate --server-id " + mine, "server-id: this is a Product ID", "type the code that begins with LAB-A"},
		{"a request for an answer", "activate --file @/theirs-request.txt", "this is another document: ACTIVATION REQUEST", "clearinghouse"},
		{"somebody's activation", "activate --file " + stranger.path("activation.txt"), "", "license server"},
	})
	d.must("activate")
	s := d.show().Server
	p := d.pack("pack.txt", s.ServerID, 4)
	d.must("install", "--file", "@/pack.txt")
	typed := d.pack("typed.txt", s.ServerID, 2)
	d.must("install", "--pack-id", typed.PackID)
	code := o.buy(keypack.LicenseCode, token.CAL, keypack.Products()[0], 7)[3]
	d.must("install", "--license-code", code)
	cut, err := os.ReadFile(d.path("pack.txt"))
	if err != nil {
		t.Fatal(err)
	}
	d.write("cut.txt", cut[:len(cut)-60])
	d.write("more.txt", []byte(strings.Replace(string(cut), "Quantity: 4", "Quantity: 400", 1)))
	d.write("twice.txt", append(append([]byte{}, cut...), cut...))
	swapped := strings.Split(typed.PackID, "-")
	swapped[4], swapped[5] = swapped[5], swapped[4]
	refuse([]wrongAt{ // activated, and stocked
		{"a second activation", "activate", "is activated already, as " + s.ServerID, "licmgr reactivate"},
		{"a key pack twice", "install --file @/pack.txt", p.PackID, "installed"},
		{"by its number, too", "install --pack-id " + p.PackID, p.PackID, "installed"},
		{"a number twice", "install --pack-id " + strings.ToLower(typed.PackID), typed.PackID, "installed"},
		{"by its document, too", "install --file @/typed.txt", typed.PackID, "installed"},
		{"a License Code twice", "install --license-code " + code, "license-code: the License Code was used", "printed again if that got lost"},
		{"a key pack for another", "install --file @/theirs.txt", "is made for License Server ID " + theirs.ServerID + " and this server is " + s.ServerID, "have the clearinghouse issue it for this server"},
		{"the number of another's", "install --pack-id " + theirs.PackID, "pack-id: key pack " + theirs.PackID + " is not made for", "have the clearinghouse issue it for this server"},
		{"another clearinghouse's", "install --file @/foreign.txt", "key pack", "it comes from the clearinghouse"},
		{"and its number", "install --pack-id " + foreign.PackID, "pack-id: key pack " + foreign.PackID, "have the clearinghouse issue it for this server"},
		{"one that was edited", "install --file @/more.txt", "key pack", "take the file as it was made"},
		{"one that was cut off", "install --file @/cut.txt", "key pack", "copy the file again"},
		{"two in a file", "install --file @/twice.txt", "key pack", ""},
		{"groups in each other's place", "install --pack-id " + strings.Join(swapped, "-"), "pack-id: group 4", "read those groups again, in their order"},
		{"an agreement of nobody", "install --program select --enrollment-number LAB-0000000 --count 1", "enrollment-number: ", "ask the reseller"},
		{"per user of Windows 2000", "install --program select --enrollment-number LAB-1234566 --count 1 --kind per-user", "kind: ", "choose another product or kind"},
	})
	former, unused := s.ServerID, d.pack("unused.txt", s.ServerID, 1)
	d.must("reactivate", "--reason", "key-compromised")
	late := d.show().Server.ServerID
	refuse([]wrongAt{ // what is of no use any more
		{"a key pack of before the reactivation", "install --pack-id " + unused.PackID, "pack-id: ", "issue it for this server"},
		{"the License Server ID of before", "activate --server-id " + former, "server-id: ", "Product ID of this server"},
		{"that of now, again", "activate --server-id " + late, "server-id: ", "Product ID of this server"},
	})
}
