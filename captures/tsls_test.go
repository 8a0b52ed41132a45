package captures_test

import (
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tslab/tslab/wire/hwid"
	"github.com/tslab/tslab/wire/tsls"
)

// messages are all messages of the license server protocol.
func messages() []tsls.Message {
	return []tsls.Message{
		tsls.Hello{}, tsls.Ping{}, tsls.Allocate{}, tsls.Mark{}, tsls.Return{}, tsls.GetActivationRequest{}, tsls.Activate{},
		tsls.InstallKeyPack{}, tsls.KeyPacks{}, tsls.Licenses{}, tsls.ServerInfo{}, tsls.Allocated{}, tsls.Marked{}, tsls.Returned{},
		tsls.Inquire{}, tsls.Close{}, tsls.Peers{}, tsls.ActivateByNumber{}, tsls.InstallByNumber{}, tsls.GetOrder{}, tsls.Automatic{}, tsls.Deactivate{},
		tsls.Inquired{}, tsls.Closed{}, tsls.PeerList{}, tsls.Order{}, tsls.ActivationRequest{}, tsls.KeyPackInstalled{}, tsls.KeyPackList{}, tsls.LicenseList{}, tsls.Error{},
	}
}

// compounds are the structures within messages, by the dissector's names.
func compounds() map[reflect.Type]string {
	return map[reflect.Type]string{
		reflect.TypeFor[tsls.Referral](): "referral", reflect.TypeFor[tsls.KeyPackInfo](): "keypack", reflect.TypeFor[tsls.LicenseInfo](): "license",
		reflect.TypeFor[tsls.PeerInfo](): "peer", reflect.TypeFor[tsls.PoolInfo](): "pool",
	}
}

// dissector is the part that reads the protocol.
func dissector(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("lua/tsls.lua")
	if err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile(`"\s*\.\. "`).ReplaceAllString(string(b), "")
}

// The dissector knows every message there is, and its fields in their order.
func TestDissectorKnowsEveryMessage(t *testing.T) {
	lua := dissector(t)
	got := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^    \[(0x[0-9a-f]{2})\] = \{ "(\w+)", "([^"]*)" \},`).FindAllStringSubmatch(lua, -1) {
		got[m[1]+" "+m[2]] = m[3]
	}
	known := map[tsls.Type]bool{}
	want := map[string]string{}
	for _, m := range messages() {
		known[m.Type()] = true
		want["0x"+strconv.FormatUint(0x100|uint64(m.Type()), 16)[1:]+" "+m.Type().String()] = spec(t, reflect.TypeOf(m))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the table of messages in lua/tsls.lua: -wire/tsls +dissector\n%s", diff)
	}
	for i := range 256 {
		if kind := tsls.Type(i); !strings.Contains(kind.String(), " ") && !known[kind] {
			t.Errorf("%v is a message that this test does not know; enter it here and in lua/tsls.lua", kind)
		}
	}
	for structure, name := range compounds() {
		m := regexp.MustCompile(`(?m)^    ` + name + ` = "([^"]*)"`).FindStringSubmatch(lua)
		if want := spec(t, structure); m == nil || m[1] != want {
			t.Errorf("%s in lua/tsls.lua is %q, want %q", name, m, want)
		}
	}
}

// spec is the fields of a message as the dissector writes them down.
func spec(t *testing.T, m reflect.Type) string {
	t.Helper()
	var fields []string
	for i := range m.NumField() {
		f := m.Field(i)
		if !f.IsExported() {
			continue
		}
		fields = append(fields, snake(f.Name)+":"+kindOf(t, m, f))
	}
	return strings.Join(fields, " ")
}

func kindOf(t *testing.T, m reflect.Type, f reflect.StructField) string {
	t.Helper()
	kinds := map[reflect.Type]string{
		reflect.TypeFor[time.Time](): "time", reflect.TypeFor[hwid.ID](): "hwid", reflect.TypeFor[[]byte](): "blob",
		reflect.TypeFor[[]string](): "*text", reflect.TypeFor[[][]byte](): "*blob",
	}
	maps.Copy(kinds, compounds())
	if kind, ok := kinds[f.Type]; ok {
		return kind
	}
	simple := map[reflect.Kind]string{reflect.Uint8: "u8", reflect.Uint16: "u16", reflect.Uint32: "u32", reflect.Bool: "bool", reflect.String: "text"}
	if kind, ok := simple[f.Type.Kind()]; ok {
		return kind
	}
	if f.Type.Kind() == reflect.Slice && kinds[f.Type.Elem()] != "" {
		return "*" + kinds[f.Type.Elem()]
	}
	t.Fatalf("%v.%s is of a type that the dissector has no word for: %v", m, f.Name, f.Type)
	return ""
}

// snake writes LicenseID as license_id.
func snake(name string) string {
	words := regexp.MustCompile(`[A-Z]+(?:[a-z0-9]+|$)|[A-Z]+`).FindAllString(regexp.MustCompile(`(ID|CAL)`).ReplaceAllStringFunc(name, func(s string) string {
		return s[:1] + strings.ToLower(s[1:])
	}), -1)
	return strings.ToLower(strings.Join(words, "_"))
}

// The dissector's words for numbers are those of the protocol.
func TestDissectorKnowsEveryValue(t *testing.T) {
	lua := dissector(t)
	for name, want := range map[string][]string{
		"requests": named(1, func(i int) string { return tsls.Request(i).String() }),
		"classes":  named(0, func(i int) string { return tsls.Class(i).String() }),
		"answers":  named(1, func(i int) string { return tsls.Answer(i).String() }),
		"codes":    named(1, func(i int) string { return tsls.Code(i).String() }),
	} {
		table := regexp.MustCompile(`(?s)local ` + name + ` = \{(.*?)\n?\s*\}`).FindStringSubmatch(lua)
		if table == nil {
			t.Errorf("there is no table %s", name)
			continue
		}
		var got []string
		for _, word := range regexp.MustCompile(`"([^"]*)"`).FindAllStringSubmatch(table[1], -1) {
			got = append(got, word[1])
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s are %q, want %q", name, got, want)
		}
	}
}

// named are the words of numbers from first on, up to one that has none.
func named(first int, word func(int) string) (words []string) {
	for i := first; ; i++ {
		w := word(i)
		if strings.ContainsAny(w, "0123456789(") && !strings.Contains(w, "w2k") {
			return words
		}
		words = append(words, w)
	}
}
