//go:build linux

package report

import (
	"bytes"
	"context"
	"fmt"
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
	t.Run("what went wrong", func(t *testing.T) {
		run(ctx, t, chromedp.Click(".wrong a"))
		if got := ask[string](ctx, t, `document.querySelector(":target .said").textContent`); got != "lab not as expected: one free: want 1, got 0" {
			t.Errorf("the link leads to %q", got)
		}
	})
	t.Run("phone", func(t *testing.T) {
		run(ctx, t, chromedp.EmulateViewport(390, 844))
		if got := ask[int](ctx, t, `document.documentElement.scrollWidth`); got > 390 {
			t.Errorf("the page is %d wide on a screen of 390", got)
		}
		if got := ask[float64](ctx, t, `document.querySelector(".host:last-child").getBoundingClientRect().right`); got > 390 {
			t.Errorf("the last host of the ladder ends at %g on a screen of 390", got)
		}
	})
	t.Run("dark", func(t *testing.T) {
		const ground = `getComputedStyle(document.body).backgroundColor`
		light := ask[string](ctx, t, ground)
		if faint := ask[[]string](ctx, t, faintTexts); len(faint) > 0 {
			t.Errorf("in light, hard to read: %q", faint)
		}
		media(ctx, t, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}})
		if dark := ask[string](ctx, t, ground); dark == light {
			t.Errorf("the ground is %s in light and dark", dark)
		}
		if faint := ask[[]string](ctx, t, faintTexts); len(faint) > 0 {
			t.Errorf("in dark, hard to read: %q", faint)
		}
	})
	t.Run("paper", func(t *testing.T) {
		media(ctx, t, emulation.SetEmulatedMediaParams{Media: "print"})
		if got := ask[string](ctx, t, `getComputedStyle(document.querySelector("nav")).display`); got != "none" {
			t.Errorf("links are printed: %s", got)
		}
		const a4 = 720 // pixels between the margins
		run(ctx, t, chromedp.EmulateViewport(a4, 1000))
		if got := ask[int](ctx, t, `document.documentElement.scrollWidth`); got > a4 {
			t.Errorf("the page is %d wide on paper of %d", got, a4)
		}
		if got := ask[float64](ctx, t, `document.querySelector(".message .said").getBoundingClientRect().width`); got < a4/3 {
			t.Errorf("what is said has %g pixels of %d", got, a4)
		}
	})
}

// faintTexts asks a page for those of its texts that have a contrast of less than
// 4.5:1 to what is behind them (WCAG 2.2, 1.4.3).
const faintTexts = `(() => {
	const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
	const paint = (...colors) => {
		for (const c of colors) { canvas.fillStyle = c; canvas.fillRect(0, 0, 1, 1); }
		return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
	};
	const light = rgb => {
		const [r, g, b] = rgb.map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
		return 0.2126 * r + 0.7152 * g + 0.0722 * b;
	};
	const faint = [];
	for (const e of document.querySelectorAll("body *")) {
		const own = [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
		if (!own || !e.checkVisibility()) continue;
		const behind = [];
		for (let p = e; p; p = p.parentElement) behind.unshift(getComputedStyle(p).backgroundColor);
		const style = getComputedStyle(e);
		const ink = light(paint(...behind, e instanceof SVGElement ? style.fill : style.color)), ground = light(paint(...behind));
		const ratio = (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05);
		if (ratio < 4.5) faint.push(e.textContent.trim().slice(0, 30) + " " + ratio.toFixed(2));
	}
	return faint;
})()`

// TestPageOfManyHosts: where a ladder has more hosts than a sheet or a screen has room
// for, what is said stays readable.
func TestPageOfManyHosts(t *testing.T) {
	tale := newTale()
	for i := range 9 {
		name := fmt.Sprintf("server-%d", i)
		tale.Record.Hosts = append(tale.Record.Hosts, netlab.Host{Name: name})
		tale.Messages[0].From = name
		tale.Messages = append(tale.Messages, tale.Messages[0])
	}
	var text bytes.Buffer
	if err := Page(&text, tale); err != nil {
		t.Fatal(err)
	}
	ctx := browse(t, text.Bytes())
	for _, media := range []struct {
		name   string
		width  int64
		params emulation.SetEmulatedMediaParams
	}{{"screen", 1280, emulation.SetEmulatedMediaParams{Media: "screen"}}, {"phone", 390, emulation.SetEmulatedMediaParams{Media: "screen"}}, {"paper", 720, emulation.SetEmulatedMediaParams{Media: "print"}}} {
		run(ctx, t, chromedp.EmulateViewport(media.width, 900))
		if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, media.params); err != nil {
			t.Fatal(err)
		}
		if got := ask[int](ctx, t, `document.documentElement.scrollWidth`); got > int(media.width) {
			t.Errorf("%s: the page is %d wide, the screen %d", media.name, got, media.width)
		}
		if got := ask[float64](ctx, t, `document.querySelector(".message .said").getBoundingClientRect().width`); got < 230 {
			t.Errorf("%s: what is said has %g pixels", media.name, got)
		}
	}
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
