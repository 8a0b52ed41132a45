package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/tslab/tslab/client"
	tscli "github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/clock"
	"github.com/tslab/tslab/wire/hwid"
	"github.com/tslab/tslab/wire/token"
)

func tokenCommand() *cli.Command {
	return &cli.Command{
		Name: "token", Metadata: tscli.Examples(70, "tsclient token --state pc1 --roots root.pem"),
		Usage:     "show the stored license tokens, decoded and checked",
		ArgsUsage: "[FILE ...]",
		Description: "With FILE it shows what another client keeps: the .cal files of xfreerdp (in ~/.config/freerdp/licenses) and\n" +
			"rdesktop (in ~/.local/share/rdesktop/licenses) are the token as it came. The exit status is 3 when no\n" +
			"license is stored; that is no refusal, as connect's 3 is.",
		Flags: append(storeFlags(),
			&cli.StringFlag{Name: "roots", Usage: "trust the clearinghouse certificates in `FILE` (PEM or DER)", DefaultText: "signatures are checked, the root is named"},
			tscli.JSONFlag(),
		),
		Action: showTokens,
	}
}

// tokenReport is a stored license and all that it says.
type tokenReport struct {
	Entry      string     `json:"entry"`
	Scope      string     `json:"scope"`
	Company    string     `json:"company"`
	Filed      string     `json:"filed_under"` // product in the store
	Kind       string     `json:"kind,omitempty"`
	LicenseID  string     `json:"license_id,omitempty"`
	KeyPackID  string     `json:"key_pack_id,omitempty"`
	HardwareID string     `json:"hardware_id,omitempty"`
	Product    string     `json:"product,omitempty"`
	Version    string     `json:"version,omitempty"`
	Machine    string     `json:"machine,omitempty"`
	User       string     `json:"user,omitempty"`
	Issued     *time.Time `json:"issued,omitempty"`
	Expires    *time.Time `json:"expires,omitempty"`
	Issuer     string     `json:"issuer,omitempty"`
	Chain      []string   `json:"chain,omitempty"`
	Bytes      int        `json:"bytes"`
	Sound      bool       `json:"sound"`
	Check      string     `json:"check"`
}

func showTokens(_ context.Context, c *cli.Command) error {
	files, err := tscli.Args(c, 0, -1)
	if err != nil {
		return err
	}
	_, store, err := openStore(c)
	if err != nil {
		return err
	}
	calendar, closeClock, err := clock.Open(c.String("clock"))
	if err != nil {
		return err
	}
	defer closeClock.Close()
	var roots []*x509.Certificate
	if path := c.String("roots"); path != "" {
		if roots, err = readRoots(path); err != nil {
			return err
		}
	}
	licenses, id := store.Licenses(), hwid.ID{}
	if len(files) > 0 {
		if licenses, err = readLicenses(files); err != nil {
			return err
		}
	} else {
		id, _ = store.HardwareID()
	}
	reports := []tokenReport{}
	for _, l := range licenses {
		reports = append(reports, inspect(l, id, roots, calendar.Now()))
	}
	w := c.Root().Writer
	if c.Bool("json") {
		if err := tscli.JSON(w, reports); err != nil {
			return err
		}
	}
	switch {
	case len(reports) == 0:
		return tscli.Exit(tscli.CodeNothing, fmt.Errorf("%s holds no license", store))
	case c.Bool("json"):
		return nil
	}
	for i, r := range reports {
		if i > 0 {
			fmt.Fprintln(w)
		}
		if err := r.text(w, labDate(c, calendar)); err != nil {
			return err
		}
	}
	return nil
}

// readLicenses reads licenses that another client keeps in files of their own.
func readLicenses(files []string) (all []client.StoredLicense, err error) {
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		all = append(all, client.StoredLicense{Entry: name, License: b})
	}
	return all, nil
}

// inspect decodes and checks one license. id is the device's hardware id, zero when it
// is not known.
func inspect(l client.StoredLicense, id hwid.ID, roots []*x509.Certificate, now time.Time) tokenReport {
	r := tokenReport{Entry: l.Entry, Scope: l.Scope, Company: l.Company, Filed: l.Product, Bytes: len(l.License)}
	t, err := token.Parse(l.License)
	if err != nil {
		r.Check = err.Error()
		return r
	}
	r.Kind, r.LicenseID, r.KeyPackID = t.Kind.String(), t.LicenseID, t.KeyPackID
	r.HardwareID, r.Product, r.Version = t.HardwareID.String(), t.Product, t.Version.String()
	r.Machine, r.User, r.Issuer, r.Issued = t.Machine, t.User, t.Issuer, &t.Issued
	if !t.Expires.IsZero() {
		r.Expires = &t.Expires
	}
	for _, c := range t.Chain {
		r.Chain = append(r.Chain, c.Subject.CommonName)
	}
	anyRoot := func([]byte) bool { return roots == nil }
	if err := t.Verify(now, roots, anyRoot); err != nil {
		r.Check = err.Error()
		return r
	}
	if id != (hwid.ID{}) && id != t.HardwareID {
		r.Check = "the token belongs to another hardware id: the device's is " + id.String()
		return r
	}
	r.Sound, r.Check = true, "sound, to "+r.Chain[0]
	if roots == nil {
		r.Check = "sound; whether " + r.Chain[0] + " can be trusted, --roots would tell"
	}
	return r
}

func (r *tokenReport) text(w io.Writer, now time.Time) error {
	t := tscli.Table{Rows: [][]string{{"entry", r.Entry}}}
	if r.Scope != "" {
		t.Row("filed under", fmt.Sprintf("%s, %s, %s", r.Scope, r.Company, r.Filed))
	}
	if r.LicenseID != "" {
		t.Row("kind", r.Kind)
		t.Row("license id", r.LicenseID)
		t.Row("key pack", r.KeyPackID)
		t.Row("hardware id", r.HardwareID)
		t.Row("product", r.Product+" "+r.Version)
		t.Row("machine", r.Machine)
		t.Row("user", r.User)
		t.Row("issued", r.Issued.Format("2006-01-02 15:04 UTC"))
		if r.Expires != nil {
			t.Row("validity", validity(*r.Expires, now))
		} else {
			t.Row("validity", "never expires")
		}
		t.Row("issuer", r.Issuer)
		for i, name := range r.Chain {
			t.Row(fmt.Sprintf("chain %d", i+1), name)
		}
	}
	t.Row("size", fmt.Sprintf("%d bytes", r.Bytes))
	t.Row("check", r.Check)
	return t.Print(w)
}

// readRoots reads certificates, PEM or one in DER.
func readRoots(path string) ([]*x509.Certificate, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("roots: %w", err)
	}
	if !bytes.Contains(b, []byte("-----BEGIN")) {
		c, err := x509.ParseCertificate(b)
		if err != nil {
			return nil, fmt.Errorf("roots: %s: %w", path, err)
		}
		return []*x509.Certificate{c}, nil
	}
	roots, err := tscli.Certificates(b)
	if err != nil {
		return nil, fmt.Errorf("roots: %s: %w", path, err)
	}
	if len(roots) == 0 {
		return nil, fmt.Errorf("roots: %s: %w", path, errors.New("no certificate in it"))
	}
	return roots, nil
}
