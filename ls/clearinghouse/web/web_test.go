package web

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tslab/tslab/internal/clock"
	"github.com/tslab/tslab/ls/clearinghouse"
	"github.com/tslab/tslab/ls/keypack"
	"github.com/tslab/tslab/wire/enroll"
	"github.com/tslab/tslab/wire/token"
)

var day = time.Date(2003, 3, 3, 9, 0, 0, 0, time.UTC)

// place is a clearinghouse on the network, with a purchase and a product.
type place struct {
	t       testing.TB
	house   *clearinghouse.Clearinghouse
	address string // host:port, https
	numbers map[string]string
	product enroll.Product

	mu   sync.Mutex
	told []string // what was asked, and by whom
}

func newPlace(t testing.TB) *place {
	t.Helper()
	h, err := clearinghouse.Init(filepath.Join(t.TempDir(), "ch"), "Lab Clearinghouse", clock.Fixed(day))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	p := &place{t: t, house: h, numbers: map[string]string{}}
	p.sell()
	p.serve()
	return p
}

func (p *place) sell() {
	p.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		p.t.Fatal(err)
	}
	numbers, err := keypack.Select.NewNumbers(token.CAL, keypack.Products()[0], 25, [32]byte{7, 7, 7, 7, 7, 7})
	if err != nil {
		p.t.Fatal(err)
	}
	p.numbers["enrollment-number"] = numbers[0]
	record, err := enroll.Purchase{Reseller: "Contoso", Program: "Select", Numbers: numbers, Kind: "CAL", Product: "Windows 2000", Count: 25, Issued: day}.Sign(key)
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := p.house.TakeIn(record); err != nil {
		p.t.Fatal(err)
	}
	_, document, err := p.house.NewProduct()
	if err != nil {
		p.t.Fatal(err)
	}
	if p.product, err = enroll.ParseProduct(document); err != nil {
		p.t.Fatal(err)
	}
}

func (p *place) serve() {
	p.t.Helper()
	site, err := New(p.house, func(peer string, op clearinghouse.Op, _ clearinghouse.Answer, _ error) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.told = append(p.told, string(op)+" "+peer)
	})
	if err != nil {
		p.t.Fatal(err)
	}
	cert, err := p.house.WebCertificate([]string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1)})
	if err != nil {
		p.t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{cert}})
	if err != nil {
		p.t.Fatal(err)
	}
	server := site.Server(nil, log.New(io.Discard, "", 0))
	ended := make(chan struct{})
	go func() { defer close(ended); _ = server.Serve(l) }()
	p.t.Cleanup(func() { server.Close(); <-ended })
	p.address = l.Addr().String()
}

func (p *place) client() *Client {
	return &Client{Address: p.address, Roots: []*x509.Certificate{p.house.Root()}}
}

// page asks for a page as a browser does, with headers as name, value.
func (p *place) page(method, path, body string, header ...string) (int, string) {
	p.t.Helper()
	transport := p.client().transport()
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(p.t.Context(), method, "https://"+p.address+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	answer, err := transport.RoundTrip(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"} {
		if got := answer.Header.Get(name); got != want {
			p.t.Errorf("%s %s: %s is %q, want %q", method, path, name, got, want)
		}
	}
	return answer.StatusCode, string(text)
}

// The licensing tool activates and orders over HTTPS, and trusts the root alone.
//
// proves R12, R66, R71
func TestInterface(t *testing.T) {
	p := newPlace(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	request, err := enroll.ActivationRequest{Server: "LS1", Company: "Fabrikam", Issued: day}.Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	a, err := p.client().Do(t.Context(), clearinghouse.OpActivate, clearinghouse.Form{"request": string(request)})
	if err != nil {
		t.Fatal(err)
	}
	activation, err := enroll.ParseActivation([]byte(a.Documents[0]))
	if err != nil || activation.ServerID != a.ServerID || activation.CheckKey(key.Public()) != nil {
		t.Errorf("activation %+v, %v", activation, err)
	}
	fields := []string{"program=select", "enrollment-number=" + p.numbers["enrollment-number"], "product=5.0", "kind=cal", "count=10"}
	order, err := enroll.Order{ServerID: a.ServerID, Fields: fields, Issued: day}.Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	packs, err := p.client().Do(t.Context(), clearinghouse.OpInstall, clearinghouse.Form{"request": string(order)})
	if err != nil || len(packs.Packs) != 1 || packs.Packs[0].Count != 10 {
		t.Errorf("ordered %+v, %v", packs, err)
	}

	_, err = p.client().Do(t.Context(), clearinghouse.OpInstall, clearinghouse.Form{"server-id": a.ServerID, "program": "select"})
	if f := keypack.FaultsOf(err); len(f) != 1 || f[0].Field != "request" || !strings.Contains(f[0].Problem, "signed by the license server") {
		t.Errorf("an order that nobody signed: %v", err)
	}
	_, err = p.client().Do(t.Context(), clearinghouse.OpActivate, clearinghouse.Form{"request": string(request)})
	if f := keypack.FaultsOf(err); len(f) != 1 || f[0].Field != "request" {
		t.Errorf("a second activation: %v", err)
	}
	for _, op := range []clearinghouse.Op{clearinghouse.OpRecover, clearinghouse.OpTransfer, clearinghouse.OpReissue, clearinghouse.OpIssue, clearinghouse.OpPurchase, clearinghouse.OpProduct, clearinghouse.OpDeactivate, "export"} {
		if _, err := p.client().Do(t.Context(), op, clearinghouse.Form{}); err == nil || !strings.Contains(err.Error(), "call the clearinghouse") {
			t.Errorf("%s over the Internet: %v", op, err)
		}
	}
	other := newPlace(t)
	stranger := &Client{Address: p.address, Roots: []*x509.Certificate{other.house.Root()}}
	if _, err := stranger.Do(t.Context(), clearinghouse.OpActivate, nil); err == nil || !strings.Contains(err.Error(), "give its root certificate") {
		t.Errorf("a clearinghouse that is not trusted: %v", err)
	}
	nobody := &Client{Address: "127.0.0.1:1"}
	if _, err := nobody.Do(t.Context(), clearinghouse.OpActivate, nil); err == nil || !strings.Contains(err.Error(), "cannot be reached") || !strings.Contains(err.Error(), "use another connection method") {
		t.Errorf("no clearinghouse: %v", err)
	}
}

// What is no form is refused with what would be one.
func TestInterfaceRefuses(t *testing.T) {
	p := newPlace(t)
	const js = "application/json"
	for _, tt := range []struct {
		name, method, kind, body string
		status                   int
		want                     string
	}{
		{"GET", http.MethodGet, js, "", http.StatusMethodNotAllowed, "send the form with POST"},
		{"no JSON", http.MethodPost, js, "hello", http.StatusBadRequest, "no JSON object of texts"},
		{"a list", http.MethodPost, js, "[]", http.StatusBadRequest, "no JSON object of texts"},
		{"numbers", http.MethodPost, js, `{"count": 5}`, http.StatusBadRequest, "no JSON object of texts"},
		{"two forms", http.MethodPost, js, `{}{}`, http.StatusBadRequest, "something follows the form"},
		{"a browser's form", http.MethodPost, "application/x-www-form-urlencoded", "a=b", http.StatusUnsupportedMediaType, "application/json"},
		{"huge", http.MethodPost, js, `{"request": "` + strings.Repeat("A", maxBody) + `"}`, http.StatusRequestEntityTooLarge, "too large"},
		{"binary", http.MethodPost, js, "\x00\xff", http.StatusBadRequest, "no JSON object"},
		{"nothing", http.MethodPost, js, `{}`, http.StatusUnprocessableEntity, "product-id"},
	} {
		status, text := p.page(tt.method, "/api/v1/activate", tt.body, "Content-Type", tt.kind)
		if status != tt.status || !strings.Contains(text, tt.want) || !json.Valid([]byte(text)) {
			t.Errorf("%s: %d %s; want %d, %q", tt.name, status, text, tt.status, tt.want)
		}
	}
}

// The pages work without scripts: links and forms, faults at their fields.
//
// proves R67, R198
func TestPages(t *testing.T) {
	p := newPlace(t)
	get := func(path string, status int, want ...string) {
		t.Helper()
		got, text := p.page(http.MethodGet, path, "")
		for _, w := range want {
			if got != status || !strings.Contains(text, w) {
				t.Errorf("GET %s: %d, want %d with %q:\n%s", path, got, status, w, text)
			}
		}
		if strings.Contains(text, "<script") || strings.Contains(text, " onclick") {
			t.Errorf("GET %s needs a script", path)
		}
	}
	get("/", 200, `<a href="/activate">Activate a license server</a>`, "For laboratory use only", `name="viewport"`)
	get("/activate", 200, `<label for="product-id">`, `id="product-id"`, "autofocus", `<form action="/activate" method="post"`)
	get("/reactivate", 200, `<select id="reason"`)
	get("/install", 200, `method="get"`, `<option value="license-code">License Code</option>`)
	get("/install?program=select", 200, `<label for="enrollment-number">`, `<input type="hidden" name="program" value="select">`)
	get("/install?program=lease", 422, "there is no licensing program")
	get("/style.css", 200, "prefers-color-scheme: dark")
	get("/root.pem", 200, "BEGIN CERTIFICATE")
	get("/none", 404, "There is no such page here.")

	post := func(path string, status int, fields url.Values, want ...string) string {
		t.Helper()
		got, text := p.page(http.MethodPost, path, fields.Encode(), "Origin", "https://"+p.address, "Sec-Fetch-Site", "same-origin")
		for _, w := range want {
			if got != status || !strings.Contains(text, w) {
				t.Errorf("POST %s: %d, want %d with %q:\n%s", path, got, status, w, text)
			}
		}
		return text
	}
	post("/activate", 422, url.Values{"product-id": {"LAB-P"}, "company": {`"><b>Fabrikam`}},
		"Nothing was changed", `aria-invalid="true" aria-describedby="product-id-fault"`, `value="LAB-P"`, `value="&#34;&gt;&lt;b&gt;Fabrikam"`, "it has 4 characters, not 25", `<a href="#product-id">`)
	text := post("/activate", 200, url.Values{"product-id": {strings.ToLower(p.product.ProductID)}}, "License Server ID", "Type the License Server ID")
	id := between(text, `<p class="code" id="code">`, "<")
	if _, _, err := p.product.Open(id); err != nil {
		t.Errorf("the page's License Server ID %q: %v", id, err)
	}
	order := url.Values{"server-id": {id}, "program": {"select"}, "enrollment-number": {p.numbers["enrollment-number"]}, "product": {"Windows 2000"}, "kind": {"cal"}, "count": {"26"}}
	post("/install", 422, order, "25 of 25 licenses are left", `id="count-fault"`)
	order.Set("count", "5")
	post("/install", 200, order, "Key Pack ID", "LAB-K")
	post("/print", 200, order, "LAB-K")
	post("/", 405, nil, "This page takes no form.")
	post("/activate", 413, url.Values{"request": {strings.Repeat("A", maxBody+1)}}, "could not be read")
	p.mu.Lock()
	defer p.mu.Unlock()
	if got := strings.Join(p.told, "\n"); strings.Count(got, "activate 127.0.0.1:") != 2 || strings.Count(got, "install ") != 2 {
		t.Errorf("told of\n%s", got)
	}
}

func between(text, from, to string) string {
	_, rest, _ := strings.Cut(text, from)
	got, _, _ := strings.Cut(rest, to)
	return got
}

// A page of another site sends no form.
func TestForeignForm(t *testing.T) {
	p := newPlace(t)
	body := url.Values{"product-id": {p.product.ProductID}}.Encode()
	for _, headers := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://evil.example"}} {
		status, text := p.page(http.MethodPost, "/activate", body, headers...)
		if status != http.StatusForbidden || !strings.Contains(text, "came from another site") {
			t.Errorf("%v: %d %s", headers, status, text)
		}
	}
	if len(p.told) != 0 {
		t.Errorf("it was read: %v", p.told)
	}
}

// An answer that is no clearinghouse's is said so.
func TestNoClearinghouse(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "<html>") }))
	s.StartTLS()
	defer s.Close()
	c := &Client{Address: s.Listener.Addr().String(), Roots: []*x509.Certificate{s.Certificate()}}
	if _, err := c.Do(t.Context(), clearinghouse.OpActivate, nil); err == nil || !strings.Contains(err.Error(), "its answer cannot be read") {
		t.Errorf("a page: %v", err)
	}
	s.Config.Handler = http.NotFoundHandler()
	if _, err := c.Do(t.Context(), clearinghouse.OpActivate, nil); err == nil || !strings.Contains(err.Error(), "is it a clearinghouse?") {
		t.Errorf("no page: %v", err)
	}
}
