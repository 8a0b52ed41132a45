package screen

import (
	"flag"
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/wire/hwid"
)

var update = flag.Bool("update", false, "write the golden files anew")

var day0 = time.Date(2003, 3, 3, 9, 0, 12, 0, time.UTC)

func newPainter(t *testing.T) *Painter {
	t.Helper()
	p, err := NewPainter()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// holder is a device with a temporary token, seen on its first day.
func holder() Session {
	expires := day0.Add(90 * day)
	return Session{
		Host: "ts1", Edition: "w2k-sp3", Security: "RDP, 128 bit", User: "lab", Device: "PC-17",
		Hardware: hwid.New(2, [16]byte{0x50, 0x43, 0x2d, 0x31, 0x37}), Kind: "temporary token",
		License: "LAB-F5FDY-0000001", Issuer: "LAB-TQWY-AE4Z-6MW4-YVMQ-NHGQ-JAMX-ENYG-TCQH", Issued: day0, Expires: expires,
		Phases: []Phase{
			{From: day0, Mood: Warn, Next: "It gets a CAL if the license server has one free; if not, the temporary token serves until it expires."},
			{From: expires.Add(1), Mood: Bad, Next: "It gets a CAL if the license server has one free, and is refused if not: the temporary token has expired."},
		},
	}
}

// lines is a sheet as text, a line of the screen each, from left to right.
func lines(s sheet) string {
	rows := map[int][]text{}
	var order []int
	for _, t := range s.texts {
		if t.s == "" {
			continue
		}
		if rows[t.pos.Y] == nil {
			order = append(order, t.pos.Y)
		}
		rows[t.pos.Y] = append(rows[t.pos.Y], t)
	}
	var b strings.Builder
	for _, y := range order {
		var parts []string
		for _, t := range rows[y] {
			parts = append(parts, t.s)
		}
		fmt.Fprintln(&b, strings.Join(parts, " | "))
	}
	return b.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s: -want +got\n%s", name, diff)
	}
}

func TestSessionText(t *testing.T) {
	p := newPainter(t)
	cal := holder()
	cal.Kind, cal.Expires = "CAL, permanent token", time.Time{}
	cal.Phases = []Phase{{Mood: Good, Next: "It is admitted on this token alone; no license server is asked."}}
	none := holder()
	none.Kind, none.Reason, none.Phases = "", "remote administration", nil
	for name, tt := range map[string]struct {
		s    Session
		now  time.Time
		size image.Point
	}{
		"temporary.txt":      {holder(), day0, image.Pt(640, 480)},
		"temporary-tiny.txt": {holder(), day0, image.Pt(MinWidth, MinHeight)},
		"expired.txt":        {holder(), day0.Add(91 * day), image.Pt(800, 600)},
		"cal.txt":            {cal, day0, image.Pt(1024, 768)},
		"none.txt":           {none, day0, image.Pt(320, 240)},
	} {
		golden(t, name, lines(p.session(tt.s, tt.now, tt.size)))
	}
}

func TestPictures(t *testing.T) {
	p := newPainter(t)
	form := NewLogon("ts1", "PC-17", "lab", "TLS")
	form.Password = "secret"
	form.Message = "Unknown user name or wrong password. 2 tries left."
	for name, img := range map[string]*image.Paletted{
		"session.png": p.Session(holder(), day0, image.Pt(400, 300)),
		"logon.png":   p.Logon(form, image.Pt(320, 240)),
	} {
		path := filepath.Join("testdata", name)
		if *update {
			writePNG(t, path, img)
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		want, err := png.Decode(f)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		if n := differing(want, img); n > 0 {
			shown := filepath.Join(t.ArtifactDir(), name)
			writePNG(t, shown, img)
			t.Errorf("%s: %d pixels differ; what was drawn lies in %s", name, n, shown)
		}
	}
}

func writePNG(t *testing.T, path string, img image.Image) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(f, img); err != nil {
		t.Fatal(err)
	}
}

func differing(a, b image.Image) (n int) {
	if a.Bounds() != b.Bounds() {
		return a.Bounds().Dx() * a.Bounds().Dy()
	}
	for y := range a.Bounds().Dy() {
		for x := range a.Bounds().Dx() {
			r1, g1, b1, _ := a.At(x, y).RGBA()
			r2, g2, b2, _ := b.At(x, y).RGBA()
			if r1 != r2 || g1 != g2 || b1 != b2 {
				n++
			}
		}
	}
	return n
}

// TestEverySizeFits holds every text within the desktop, and everything that matters
// on every desktop.
func TestEverySizeFits(t *testing.T) {
	p := newPainter(t)
	long := holder()
	long.Device, long.User = strings.Repeat("W", 15), strings.Repeat("m", 64)
	for w := MinWidth; w <= 1920; w += 131 {
		for _, h := range []int{MinHeight, w * 2 / 3, w * 3 / 4, w * 9 / 16} {
			for _, s := range []Session{holder(), long} {
				size := clamp(image.Pt(w, h))
				out := p.session(s, day0, size)
				for _, line := range out.texts {
					right := line.pos.X + p.fonts.width(line.face, line.s)
					if line.pos.X < 0 || right > size.X || line.pos.Y > size.Y {
						t.Fatalf("%v: %q reaches from %v to %d", size, line.s, line.pos, right)
					}
				}
				all := lines(out)
				for _, want := range []string{"Temporary token, 90 days left", s.Device[:4], "The next connection", "2003"} {
					if !strings.Contains(all, want) {
						t.Fatalf("%v lacks %q:\n%s", size, want, all)
					}
				}
			}
		}
	}
}

func TestOddDesktopsAreDrawn(t *testing.T) {
	p := newPainter(t)
	for _, size := range []image.Point{{}, {1, 1}, {65535, 200}, {-5, 9000}} {
		got := p.Session(holder(), day0, size).Rect.Size()
		if got != clamp(size) || got.X < MinWidth || got.Y < MinHeight || got.X > MaxWidth || got.Y > MaxHeight {
			t.Errorf("desktop %v is drawn as %v", size, got)
		}
		p.Logon(NewLogon("h", "d", "u", "s"), size)
	}
}

func TestStrangeTextIsDrawn(t *testing.T) {
	p := newPainter(t)
	s := holder()
	s.Device, s.User, s.Issuer = "漢字\x00\xff😀", strings.Repeat("ä ", 500), ""
	s.Phases = []Phase{{Next: strings.Repeat("x", 2000)}}
	p.Session(s, day0, image.Pt(640, 480))
	if g := p.fonts.glyph(typeface{regular, 12}, '漢'); g.mask != p.fonts.glyph(typeface{regular, 12}, '?').mask {
		t.Error("a letter that the font lacks is no question mark")
	}
}

// TestNextChange draws at the announced moment and just before it: only then the
// screen is another.
func TestNextChange(t *testing.T) {
	p := newPainter(t)
	at := func(s Session, now time.Time) sheet { return p.session(s, now, image.Pt(640, 480)) }
	odd := holder()
	odd.Expires = day0.Add(3*day + 31*time.Second + 5)
	odd.Phases[1].From = odd.Expires.Add(1)
	for name, s := range map[string]Session{"whole days": holder(), "odd": odd} {
		for _, start := range []time.Time{day0, s.Expires.Add(-3*day - time.Minute), s.Expires.Add(-day - time.Second), s.Expires.Add(-time.Second), s.Expires.Add(day)} {
			now := start
			for range 8 {
				next := s.NextChange(now)
				switch {
				case !next.After(now) || next.Sub(now) > time.Minute:
					t.Fatalf("%s: after %v comes %v", name, now, next)
				case reflect.DeepEqual(at(s, now), at(s, next)):
					t.Errorf("%s: %v says what %v said", name, next, now)
				case !reflect.DeepEqual(at(s, now), at(s, next.Add(-1))):
					t.Errorf("%s: the screen of %v changed before %v", name, now, next)
				}
				now = next
			}
		}
	}
}

func TestPhases(t *testing.T) {
	s := holder()
	for _, tt := range []struct {
		at   time.Duration
		want Mood
	}{{-day, Warn}, {0, Warn}, {90 * day, Warn}, {90*day + 1, Bad}, {200 * day, Bad}} {
		if got := s.phase(day0.Add(tt.at)); got.Mood != tt.want {
			t.Errorf("after %v: mood %v, want %v", tt.at, got.Mood, tt.want)
		}
	}
	if got := (Session{}).phase(day0); got != (Phase{}) {
		t.Errorf("a session without phases: %+v", got)
	}
}

func TestLeft(t *testing.T) {
	s := Session{Expires: day0}
	for left, want := range map[time.Duration]string{
		90 * day: "90 days left", 90*day - 1: "90 days left", 89 * day: "89 days left",
		day + 1: "2 days left", day: "last day", 0: "last day", -1: "expired",
	} {
		if got := s.left(day0.Add(-left)); got != want {
			t.Errorf("%v before the end: %q, want %q", left, got, want)
		}
	}
}

func BenchmarkSession(b *testing.B) {
	p, err := NewPainter()
	if err != nil {
		b.Fatal(err)
	}
	s := holder()
	for b.Loop() {
		p.Session(s, day0, image.Pt(800, 600))
	}
}
