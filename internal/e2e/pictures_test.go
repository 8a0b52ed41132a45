//go:build linux

package e2e

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/tslab/tslab/internal/harness"
)

var pictures = flag.String("pictures", "", "write the pictures of a report in docs to this folder")

// largestPicture is as large as one in the documentation may be, in bytes.
const largestPicture = 200 << 10

// What is done with a page before its picture is taken: messages without events, from
// the story's second step on.
const (
	messagesOnly   = `for (const box of document.querySelectorAll("#events, #expected")) box.click();`
	scrollToSecond = `document.querySelectorAll(".ladder h3")[1].scrollIntoView({behavior: "instant"});`
)

// TestReportPictures: the report of the first run, on a wide screen, on a phone and in
// the dark, fits each of them; with -pictures, for the documentation.
func TestReportPictures(t *testing.T) {
	if err := harness.Need("chromium"); err != nil {
		t.Fatal(err)
	}
	ctx, dir := bounded(t), t.TempDir()
	if code, out := lab(ctx, t, dir, "first-logon"); code != 0 {
		t.Fatalf("%d %s", code, out)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("hide-scrollbars", true), chromedp.UserDataDir(t.TempDir()))
	ctx, cancel := chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	page := "file://" + filepath.Join(dir, "runs", "first-logon", "report.html")
	grounds := map[string]string{}
	for _, tt := range []struct {
		name, scheme  string
		width, height int64
		prepare       string // what is done with the page before
	}{
		{"wide", "light", 1280, 1060, ""},
		{"phone", "light", 390, 844, messagesOnly + scrollToSecond + `document.querySelectorAll(".ladder h3")[1].parentElement.querySelectorAll("details.message")[5].open = true;`},
		{"dark", "dark", 1180, 720, messagesOnly + scrollToSecond},
	} {
		media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: tt.scheme}}}
		if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, media); err != nil {
			t.Fatal(err)
		}
		if err := chromedp.Do(ctx, chromedp.EmulateViewport(tt.width, tt.height), chromedp.Navigate(page)); err != nil {
			t.Fatal(err)
		}
		if width := evaluated[int64](ctx, t, `document.documentElement.scrollWidth`); width > tt.width {
			t.Errorf("%s: the page is %d wide on a screen of %d", tt.name, width, tt.width)
		}
		evaluated[bool](ctx, t, "(() => {"+tt.prepare+"return true})()")
		grounds[tt.scheme] = evaluated[string](ctx, t, `getComputedStyle(document.body).backgroundColor`)
		png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
		if err != nil {
			t.Fatal(err)
		}
		if len(png) < 10<<10 || len(png) > largestPicture {
			t.Errorf("%s: a picture of %d bytes", tt.name, len(png))
		}
		if *pictures != "" {
			if err := os.WriteFile(filepath.Join(*pictures, "report-"+tt.name+".png"), png, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	if grounds["light"] == grounds["dark"] {
		t.Errorf("the ground is %s in light and dark", grounds["dark"])
	}
}

// evaluated is the value of an expression in the page.
func evaluated[T any](ctx context.Context, t *testing.T, expression string) T {
	t.Helper()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		t.Fatal(err)
	}
	return value
}
