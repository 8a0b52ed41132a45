//go:build linux

package report

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/tslab/tslab/netlab"
)

// browse opens a page in a browser without a screen.
func browse(t *testing.T, text []byte) context.Context {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("chromium is not installed; `make deps` installs it")
	}
	path := filepath.Join(t.TempDir(), PageName)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.UserDataDir(t.TempDir()))
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	run(ctx, t, chromedp.Navigate("file://"+path))
	return ctx
}

func run(ctx context.Context, t *testing.T, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(ctx, actions...); err != nil {
		t.Fatal(err)
	}
}

// ask is the value of an expression in the page.
func ask[T any](ctx context.Context, t *testing.T, expression string) T {
	t.Helper()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// media makes the page believe in a screen of another kind.
func media(ctx context.Context, t *testing.T, p emulation.SetEmulatedMediaParams) {
	t.Helper()
	if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, p); err != nil {
		t.Fatal(err)
	}
}

// TestPage: one file that a browser shows, by keyboard, on a phone, in the dark and
// on paper.
func TestPage(t *testing.T) {
	var text bytes.Buffer
	if err := Page(&text, newTale()); err != nil {
		t.Fatal(err)
	}
	ctx := browse(t, text.Bytes())
	if got := ask[string](ctx, t, `document.querySelector(".lead").textContent`); got != "Two <days>" {
		t.Errorf("the title is %q", got)
	}
	if got := ask[int](ctx, t, `document.querySelectorAll(".ladder .arrow").length`); got != 4 {
		t.Errorf("%d arrows, want 4", got)
	}
	if got := ask[int](ctx, t, `document.querySelectorAll("script, link, img, iframe, b b").length`); got != 0 {
		t.Errorf("%d elements that load or came from a name", got)
	}
	t.Run("keyboard", func(t *testing.T) {
		run(ctx, t, chromedp.Focus(".message summary"), chromedp.KeyEvent(kb.Enter))
		if got := ask[string](ctx, t, `document.querySelector(".message[open] .fields").innerText`); !bytes.Contains([]byte(got), []byte("0x04000500 <b>")) {
			t.Errorf("the opened line says %q", got)
		}
		run(ctx, t, chromedp.Focus("#events"), chromedp.KeyEvent(" "))
		if got := ask[string](ctx, t, `getComputedStyle(document.querySelector(".ladder .event")).display`); got != "none" {
			t.Errorf("events are still shown: %s", got)
		}
	})
	t.Run("phone", func(t *testing.T) {
		run(ctx, t, chromedp.EmulateViewport(390, 844))
		if got := ask[int](ctx, t, `document.documentElement.scrollWidth`); got > 390 {
			t.Errorf("the page is %d wide on a screen of 390", got)
		}
	})
	t.Run("dark", func(t *testing.T) {
		const ground = `getComputedStyle(document.body).backgroundColor`
		light := ask[string](ctx, t, ground)
		media(ctx, t, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}})
		if dark := ask[string](ctx, t, ground); dark == light {
			t.Errorf("the ground is %s in light and dark", dark)
		}
	})
	t.Run("paper", func(t *testing.T) {
		media(ctx, t, emulation.SetEmulatedMediaParams{Media: "print"})
		if got := ask[string](ctx, t, `getComputedStyle(document.querySelector("nav")).display`); got != "none" {
			t.Errorf("links are printed: %s", got)
		}
	})
}

// TestPageOfAlmostNothing: a lab that did not come up has a page, too.
func TestPageOfAlmostNothing(t *testing.T) {
	tale := &netlab.Tale{Record: &netlab.Record{Drill: "d99", Verdict: netlab.Broken, Error: "no namespace", Start: day0, End: day0}}
	var text bytes.Buffer
	if err := Page(&text, tale); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"no namespace", "No license server issued a token.", "No license server had a pool of CALs."} {
		if !bytes.Contains(text.Bytes(), []byte(want)) {
			t.Errorf("the page lacks %q", want)
		}
	}
}
