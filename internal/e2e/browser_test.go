//go:build linux

package e2e

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/tslab/tslab/internal/harness"
	"github.com/tslab/tslab/internal/identity"
	"github.com/tslab/tslab/internal/transport"
	"github.com/tslab/tslab/wire/tsls"
)

// office is a running clearinghouse, and a license server that was installed from its
// product document.
type office struct {
	*harness.Farm
	t          *testing.T
	ctx        context.Context
	url        string
	productID  string
	enrollment string
}

func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{Farm: newFarm(t), t: t, ctx: bounded(t)}
	log := &harness.Journal{Path: o.Path("clearinghouse.jsonl")}
	p, err := harness.Start(o.Dir, nil, "", filepath.Join(o.Bin, "clearinghouse"), "serve", "--state", o.Path("ch"), "--host", "ch1",
		"--listen", "127.0.0.1:0", "--clock", o.Clock(), "--events", log.Path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	ready, err := log.Await(o.ctx, "program.ready")
	if err != nil {
		t.Fatal(err, p.Output())
	}
	o.url = "https://" + ready.Fields["address"] + "/"
	o.tool("clearinghouse", "product", "--state", o.Path("ch"), "--output", o.Path("product.txt"))
	o.productID = o.header("product.txt", "Product ID")
	o.tool("tslab", "sell", "--program", "select", "--count", "25", "--state", o.Path("reseller"), "--output", o.Path("purchase.txt"))
	o.enrollment = o.header("purchase.txt", "Number")
	o.tool("clearinghouse", "purchase", "--state", o.Path("ch"), o.Path("purchase.txt"))
	o.LServerArgs = []string{"--product", o.Path("product.txt")}
	if err := o.StartLServer(o.ctx); err != nil {
		t.Fatal(err)
	}
	return o
}

func (o *office) tool(program string, args ...string) string {
	o.t.Helper()
	out, err := o.Tool(o.ctx, program, args...)
	if err != nil {
		o.t.Fatal(err)
	}
	return out
}

// header is a line of a document.
func (o *office) header(file, name string) string {
	o.t.Helper()
	text, err := os.ReadFile(o.Path(file))
	if err != nil {
		o.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "\n"+name+": ")
	value, _, _ := strings.Cut(rest, "\n")
	return value
}

// ask brings a message to the license server, as the licensing tool does.
func (o *office) ask(m tsls.Message) tsls.Message {
	o.t.Helper()
	id, err := identity.LoadOrCreate(o.Path("tool"), "tool")
	if err != nil {
		o.t.Fatal(err)
	}
	conn, err := transport.Dial(o.ctx, o.LServerAddr, id.ClientTLS(o.LServerAddr, identity.OpenPins(o.Path("tool")), nil), tsls.Hello{Program: "licmgr", Name: "tool"})
	if err != nil {
		o.t.Fatal(err)
	}
	defer conn.Close()
	answer, err := conn.Call(o.ctx, m)
	if err != nil {
		o.t.Fatal(err)
	}
	return answer
}

// browser is a headless Chromium of a given width.
func (o *office) browser(width, height int) context.Context {
	o.t.Helper()
	if err := harness.Need("chromium"); err != nil {
		o.t.Fatal(err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.UserDataDir(filepath.Join(o.t.TempDir(), "profile")),
		chromedp.Flag("ignore-certificate-errors", true), chromedp.Flag("blink-settings", "scriptEnabled=false"), chromedp.WindowSize(width, height))
	ctx, cancel := chromedp.NewExecAllocator(o.ctx, options...)
	o.t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	o.t.Cleanup(cancel)
	return ctx
}

// picture keeps what the page looks like in the folder of runs; nothing of it stands out of
// a screen of that width.
func (o *office) picture(ctx context.Context, name string, width int) {
	o.t.Helper()
	name = fmt.Sprintf("%s-%d", name, width)
	picture, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		o.t.Fatal(err)
	}
	if size, err := png.DecodeConfig(bytes.NewReader(picture)); err != nil || size.Width > width {
		o.t.Errorf("%s: the page is %d wide, %v", name, size.Width, err)
	}
	folder := filepath.Join("..", "..", "runs", "browser")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		o.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, name+".png"), picture, 0o644); err != nil {
		o.t.Fatal(err)
	}
}

// text is what the page shows; between two pages there is none.
func (o *office) text(ctx context.Context) string {
	text, err := chromedp.Run(ctx, chromedp.Text("main"))
	if err != nil {
		return ""
	}
	return text
}

// shows waits until the page shows something that matches, and returns it.
func (o *office) shows(ctx context.Context, what *regexp.Regexp) string {
	o.t.Helper()
	found := ""
	err := harness.Until(o.ctx, "on the page, "+what.String(), func() (bool, error) {
		found = what.FindString(o.text(ctx))
		return found != "", nil
	})
	if err != nil {
		o.t.Fatal(err, o.text(ctx))
	}
	return found
}

// focused says whether the field that a page begins with, if there is one, has the keys.
func (o *office) focused(ctx context.Context) bool {
	has, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`document.readyState == "complete" &&
		(!document.querySelector("[autofocus]") || document.activeElement.hasAttribute("autofocus"))`))
	return err == nil && has
}

// keys presses keys, and waits for the page that shows then.
func (o *office) keys(ctx context.Context, page string, keys ...string) {
	o.t.Helper()
	for _, k := range keys {
		if _, err := chromedp.Run(ctx, chromedp.KeyEvent(k)); err != nil {
			o.t.Fatal(err)
		}
	}
	err := harness.Until(o.ctx, "the page "+page, func() (bool, error) {
		title, err := chromedp.Run(ctx, chromedp.Title())
		return err == nil && strings.Contains(title, page) && o.focused(ctx), nil // between two pages there is none
	})
	if err != nil {
		o.t.Fatal(err)
	}
}

// A license server is activated, and gets a key pack, through the web page, with the
// keyboard alone and without scripts, on a screen and on a telephone.
//
// proves R67, R198
func TestBrowser(t *testing.T) {
	o := newOffice(t)
	code := regexp.MustCompile(`LAB-A[0-9A-Z]-[-0-9A-Z]{35}`)
	wide, narrow := o.browser(1280, 900), o.browser(390, 844)
	if _, err := chromedp.Run(wide, chromedp.Navigate(o.url)); err != nil {
		t.Fatal(err)
	}
	o.picture(wide, "home", 1280)
	o.keys(wide, "Activate a license server", kb.Tab, kb.Tab, kb.Enter) // past the name of the site
	o.keys(wide, "Not accepted: Activate", strings.ToLower(o.productID[:len(o.productID)-1]), kb.Enter)
	o.picture(wide, "mistyped", 1280)
	o.shows(wide, regexp.MustCompile(`(?s)Nothing was changed.*group 5`))
	o.keys(wide, "Activate", kb.End, strings.ToLower(o.productID[len(o.productID)-1:]), kb.Enter)
	serverID := o.shows(wide, code)
	o.picture(wide, "activated", 1280)
	o.tool("licmgr", "activate", "--server", o.LServerAddr, "--state", o.Path("desk"), "--server-id", serverID)
	info, ok := o.ask(tsls.Ping{}).(tsls.ServerInfo)
	if !ok || !info.Activated || info.ServerID != serverID {
		t.Fatalf("activated by %s: %+v", serverID, info)
	}
	o.chains(info)

	if _, err := chromedp.Run(narrow, chromedp.EmulateViewport(390, 844)); err != nil { // narrower than a window can be
		t.Fatal(err)
	}
	if _, err := chromedp.Run(narrow, chromedp.Navigate(o.url+"install?program=select")); err != nil {
		t.Fatal(err)
	}
	o.picture(narrow, "install", 390)
	o.keys(narrow, "Get a key pack", serverID, kb.Tab, o.enrollment, kb.Tab, kb.Tab, kb.Tab, "10", kb.Enter)
	packID := o.shows(narrow, regexp.MustCompile(`LAB-K[0-9A-Z]-[-0-9A-Z]{35}`))
	o.picture(narrow, "key-pack", 390)
	want := fmt.Sprintf("key pack %s is installed at %s: 10 x CAL, Windows 2000\n", packID, info.Name)
	if said := o.tool("licmgr", "install", "--server", o.LServerAddr, "--state", o.Path("desk"), "--pack-id", packID); said != want {
		t.Errorf("installed by %s: %s; want %s", packID, said, want)
	}

	// The smallest telephone, every page.
	small := o.browser(320, 568)
	if _, err := chromedp.Run(small, chromedp.EmulateViewport(320, 568)); err != nil {
		t.Fatal(err)
	}
	for page, name := range map[string]string{"": "home", "activate": "activate", "reactivate": "reactivate", "install?program=open": "install", "print?program=license-code": "print"} {
		if _, err := chromedp.Run(small, chromedp.Navigate(o.url+page)); err != nil {
			t.Fatal(err)
		}
		o.picture(small, name, 320)
	}
}

// chains checks that the license server's certificate is under the clearinghouse's root.
func (o *office) chains(info tsls.ServerInfo) {
	o.t.Helper()
	block, _ := pem.Decode([]byte(o.tool("clearinghouse", "root", "--state", o.Path("ch"))))
	if block == nil {
		o.t.Fatal("no root")
	}
	root, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		o.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(info.Certificates[0])
	if err != nil {
		o.t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(root)
	if _, err := cert.Verify(x509.VerifyOptions{Roots: pool, CurrentTime: time.Date(2003, 3, 3, 0, 0, 0, 0, time.UTC), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
		o.t.Errorf("the license server's certificate: %v", err)
	}
}
