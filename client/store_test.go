package client_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/client"
	"github.com/tslab/tslab/wire/hwid"
	"github.com/tslab/tslab/wire/licensing"
)

var id = hwid.New(0xFF010000, [16]byte{1, 2, 3})

func license(scope, product, blob string) client.StoredLicense {
	return client.StoredLicense{Scope: scope, Company: "TSLab", Product: product, License: []byte(blob)}
}

// eachStore runs a test on every kind of store; open opens it anew from disk.
func eachStore(t *testing.T, test func(t *testing.T, open func() client.Store)) {
	for _, name := range []string{"9x", "mac"} {
		t.Run(name, func(t *testing.T) {
			persona, err := client.FindPersona(name)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			test(t, func() client.Store {
				s, err := client.OpenStore(persona, dir)
				if err != nil {
					t.Fatal(err)
				}
				return s
			})
		})
	}
}

func TestStore(t *testing.T) {
	eachStore(t, func(t *testing.T, open func() client.Store) {
		s := open()
		if _, ok := s.HardwareID(); ok || len(s.Licenses()) > 0 {
			t.Error("a new store is not empty")
		}
		first, second := license("a.example", "P", strings.Repeat("x", 5000)), license("b.example", "P", "two")
		renewed := license("a.example", "P", "one again")
		for _, err := range []error{s.SetHardwareID(id), s.Put(first), s.Put(second), s.Put(renewed)} {
			if err != nil {
				t.Fatal(err)
			}
		}
		s = open()
		if got, ok := s.HardwareID(); !ok || got != id {
			t.Errorf("hardware id %v, %t", got, ok)
		}
		renewed.Entry, second.Entry = "LICENSE000", "LICENSE001"
		if diff := cmp.Diff([]client.StoredLicense{renewed, second}, s.Licenses()); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	})
}

func TestFind(t *testing.T) {
	eachStore(t, func(t *testing.T, open func() client.Store) {
		s := open()
		for _, l := range []client.StoredLicense{license("a.example", "P", "one"), license("b.example", "P", "two"), license("a.example", "Q", "three")} {
			if err := s.Put(l); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range []struct {
			company, product string
			scopes           []string
			want             string
		}{
			{"TSLab", "P", []string{"a.example"}, "one"},
			{"TSLab", "P", []string{"x", "b.example"}, "two"},
			{"TSLab", "Q", []string{"b.example", "a.example"}, "three"},
			{"TSLab", "Q", []string{"b.example"}, ""},
			{"Other", "P", []string{"a.example"}, ""},
			{"TSLab", "P", nil, ""},
		} {
			m := &licensing.LicenseRequest{Product: licensing.ProductInfo{Company: c.company, Product: c.product}, Scopes: c.scopes}
			if l, ok := client.Find(s, m); string(l.License) != c.want || ok != (c.want != "") {
				t.Errorf("%+v: %q", c, l.License)
			}
		}
	})
}

func TestWipe(t *testing.T) {
	eachStore(t, func(t *testing.T, open func() client.Store) {
		for _, c := range []struct{ licenses, id bool }{{true, false}, {false, true}, {true, true}} {
			s := open()
			for _, err := range []error{s.SetHardwareID(id), s.Put(license("a", "P", "one")), s.Wipe(c.licenses, c.id)} {
				if err != nil {
					t.Fatal(err)
				}
			}
			s = open()
			if _, ok := s.HardwareID(); ok == c.id || (len(s.Licenses()) > 0) == c.licenses {
				t.Errorf("after %+v: id %t, %d licenses", c, ok, len(s.Licenses()))
			}
		}
	})
}

// TestWindowsFile holds the bytes against an export of regedit.
func TestWindowsFile(t *testing.T) {
	dir := t.TempDir()
	s, err := client.OpenWindowsStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	blob := make([]byte, 60)
	for i := range blob {
		blob[i] = byte(i)
	}
	for _, err := range []error{s.SetHardwareID(id), s.Put(client.StoredLicense{Scope: "a.b", Company: "Lé", Product: "P", License: blob})} {
		if err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(filepath.Join(dir, client.WindowsFile))
	if err != nil {
		t.Fatal(err)
	}
	want := `Windows Registry Editor Version 5.00

[HKEY_LOCAL_MACHINE\Software\Microsoft\MSLicensing]

[HKEY_LOCAL_MACHINE\Software\Microsoft\MSLicensing\HardwareID]
"ClientHWID"=hex:00,00,01,ff,01,02,03,00,00,00,00,00,00,00,00,00,00,00,00,00

[HKEY_LOCAL_MACHINE\Software\Microsoft\MSLicensing\Store]

[HKEY_LOCAL_MACHINE\Software\Microsoft\MSLicensing\Store\LICENSE000]
"ClientLicense"=hex:00,01,02,03,04,05,06,07,08,09,0a,0b,0c,0d,0e,0f,10,11,12,\
  13,14,15,16,17,18,19,1a,1b,1c,1d,1e,1f,20,21,22,23,24,25,26,27,28,29,2a,2b,\
  2c,2d,2e,2f,30,31,32,33,34,35,36,37,38,39,3a,3b
"CompanyName"=hex:4c,00,e9,00,00,00
"LicenseScope"=hex:61,2e,62,00
"ProductID"=hex:50,00,00,00

`
	if diff := cmp.Diff(utf16File(want), got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// utf16File is text as a Windows file.
func utf16File(text string) []byte {
	b := []byte{0xFF, 0xFE}
	for _, u := range utf16.Encode([]rune(strings.ReplaceAll(text, "\n", "\r\n"))) {
		b = append(b, byte(u), byte(u>>8))
	}
	return b
}

const regHeader = "Windows Registry Editor Version 5.00\n\n"

func TestRegistryFileIsLeftAlone(t *testing.T) {
	whole := regHeader + `[HKEY_LOCAL_MACHINE\Software\Other]
@="default"
"a \"quoted\" \\ name"="text \\ with \"quotes\""
"number"=dword:0000002a
"expand"=hex(2):25,00,50,00,00,00
"empty"=hex:
"long"=hex(7):61,00,62,00,63,00,64,00,65,00,66,00,67,00,68,00,69,00,6a,00,00,\
  00,00,00
"ImagePath"=hex(2):25,00,53,00,79,00,73,00,74,00,65,00,6d,00,52,00,6f,00,6f,00,\
  74,00,25,00

`
	got, err := client.ParseReg("x.reg", utf16File(whole))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(utf16File(whole)), string(got)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestRegistryFilesThatAreTaken(t *testing.T) {
	const key = `[HKEY_LOCAL_MACHINE\Software\K]` + "\n"
	want := utf16File(regHeader + key + "\"v\"=hex:01,02\n\n")
	for name, text := range map[string]string{
		"UTF-8":                 regHeader + key + `"v"=hex:01,02`,
		"UTF-8 with a mark":     "\ufeff" + regHeader + key + `"v"=hex:01,02`,
		"of Windows 98":         "REGEDIT4\r\n\r\n" + key + `"v"=hex:01,02`,
		"comments and spaces":   regHeader + "; a comment\n\n  " + key + `  "v" = hex: 01 , 02 ` + "\n;x\n",
		"continued":             regHeader + key + "\"v\"=hex:01,\\\n  02\n",
		"continued before":      regHeader + key + "\"v\"=hex:\\\n  01,\\\r\n\t02\n",
		"one digit":             regHeader + key + `"v"=hex:1,2`,
		"in another case":       regHeader + key + `"V"=hex:09` + "\n" + strings.ToLower(key) + `"v"=hex:01,02`,
		"value deleted":         regHeader + key + "\"w\"=hex:09\n\"w\"=-\n" + `"v"=hex:01,02`,
		"key deleted":           regHeader + "[HKEY_X]\n\"a\"=\"b\"\n[HKEY_X\\below]\n[-HKEY_X]\n\"dead\"=hex:01\n" + key + `"v"=hex:01,02`,
		"key with brackets []]": regHeader + key + `"v"=hex:01,02`,
	} {
		got, err := client.ParseReg("x.reg", []byte(text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !strings.EqualFold(string(got), string(want)) {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestBrokenRegistryFiles(t *testing.T) {
	for text, want := range map[string]string{
		"":                                      "x.reg:1: the first line",
		"hello":                                 "x.reg:1: the first line",
		"\xff\xfeW":                             "x.reg:1: half a character",
		regHeader + "[KEY":                      "x.reg:3: key \"[KEY\" lacks its closing bracket",
		regHeader + "[]":                        "x.reg:3: a key without a name",
		regHeader + "\"v\"=hex:01":              "x.reg:3: value \"v\" stands before the first key",
		regHeader + "[K]\n\"v=hex:01":           "x.reg:4: name \"v=hex:01 lacks its closing quote",
		regHeader + "[K]\n\"v\" hex:01":         "x.reg:4: value \"v\" lacks its equals sign",
		regHeader + "[K]\n\n\"v\"=hex:01,zz":    "x.reg:5: value \"v\": byte 2, \"zz\", is no hexadecimal",
		regHeader + "[K]\n\"v\"=hex:01,\\\n02,": "x.reg:4: value \"v\": byte 3, \"\"",
		regHeader + "[K]\n\"v\"=hex:01,\\":      "x.reg:4: value \"v\" ends in the middle",
		regHeader + "[K]\nnonsense":             "x.reg:4: \"nonsense\" is neither a key, a value nor a comment",
	} {
		if _, err := client.ParseReg("x.reg", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func TestBrokenStoresAreNotOverwritten(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, client.WindowsFile)
	for text, want := range map[string]string{
		"garbage": "mslicensing.reg:1",
		regHeader + `[HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\MSLicensing\HardwareID]` + "\n\"ClientHWID\"=hex:01": "ClientHWID has 1 bytes",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := client.OpenWindowsStore(dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
		if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, []byte(text)) {
			t.Errorf("the file is now %q, %v", after, err)
		}
	}
	mac := filepath.Join(dir, client.MacFolder)
	if err := os.MkdirAll(mac, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(mac, "LICENSE000"), []byte("garbage"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := client.OpenMacStore(dir); err == nil || !strings.Contains(err.Error(), "LICENSE000") {
		t.Errorf("%v", err)
	}
}

func TestPersonas(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range client.Personas() {
		if seen[p.Name] || p.Title == "" || p.Build == 0 {
			t.Errorf("%+v", p)
		}
		seen[p.Name] = true
		if p.Platform.IsProfessional() != (p.Name == "w2k-pro" || p.Name == "xp-pro") || p.Platform.IsMacintosh() != p.Macintosh {
			t.Errorf("%s: platform %v", p.Name, p.Platform)
		}
	}
	if !seen[client.DefaultPersona] {
		t.Error("there is no default")
	}
	if _, err := client.FindPersona("amiga"); err == nil || !strings.Contains(err.Error(), "w2k-pro") {
		t.Errorf("%v does not say which there are", err)
	}
}

func FuzzRegistryFile(f *testing.F) {
	f.Add([]byte(regHeader + "[K]\n\"v\"=hex:01,\\\n02\n@=dword:1\n[-K]\n"))
	f.Add(utf16File(regHeader + "[K]\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		once, err := client.ParseReg("x.reg", b)
		if err != nil {
			return
		}
		again, err := client.ParseReg("x.reg", once)
		if err != nil || !bytes.Equal(once, again) {
			t.Errorf("%q is written as %q, and that as %q, %v", b, once, again, err)
		}
	})
}
