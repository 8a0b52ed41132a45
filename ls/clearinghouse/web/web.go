// Package web is the clearinghouse on the network: an interface for the licensing tool
// (the Internet method) and pages for a browser (the Web method), over HTTPS.
//
// # Interface
//
// POST /api/v1/OPERATION with a JSON object of texts, the fields of the form
// ([clearinghouse.Form]); at most 256 KiB, Content-Type application/json. The
// operations are those that a customer asks for himself: activate, reactivate, install,
// print. An install must be an order that the license server has signed (field
// "request"): its certificate authenticates it (white paper, Activate a License
// Server). Answers are JSON:
//
//	200  a [clearinghouse.Answer]
//	422  {"faults": [{"field", "problem", "remedy"}]}: nothing was changed
//	400, 403, 404, 405, 413, 415, 500  {"error": text}
//
// GET /root.pem is the root certificate.
//
// # Pages
//
// Plain forms, which need no script. What is wrong is said at its field and in a list
// at the top. A page that another site made cannot send a form.
package web

import (
	"crypto/tls"
	"embed"
	"html/template"
	"log"
	"net/http"
	"time"

	"github.com/tslab/tslab/ls/clearinghouse"
)

//go:embed pages
var files embed.FS

// maxBody bounds a request.
const maxBody = 256 << 10

// Site is the clearinghouse on the network.
type Site struct {
	house *clearinghouse.Clearinghouse
	told  func(peer string, op clearinghouse.Op, a clearinghouse.Answer, err error)
	pages *template.Template
}

// New makes the site of a clearinghouse; told, when not nil, hears of every form.
func New(h *clearinghouse.Clearinghouse, told func(peer string, op clearinghouse.Op, a clearinghouse.Answer, err error)) (*Site, error) {
	pages, err := template.ParseFS(files, "pages/*.html")
	if err != nil {
		return nil, err
	}
	if told == nil {
		told = func(string, clearinghouse.Op, clearinghouse.Answer, error) {}
	}
	return &Site{house: h, told: told, pages: pages}, nil
}

// Handler serves the site.
func (s *Site) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/api/v1/{op}", s.api)
	mux.HandleFunc("GET /{$}", s.home)
	mux.HandleFunc("GET /style.css", s.style)
	mux.HandleFunc("GET /root.pem", s.root)
	for _, f := range forms() {
		mux.HandleFunc("GET /"+f.path, func(w http.ResponseWriter, r *http.Request) { s.empty(w, r, f) })
		mux.HandleFunc("POST /"+f.path, func(w http.ResponseWriter, r *http.Request) { s.filled(w, r, f) })
	}
	mux.HandleFunc("/", s.nothing)
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(http.HandlerFunc(s.foreign))
	return headers(guard.Handler(mux))
}

// headers says to a browser what it may do with the pages: nothing but show them and
// send their forms back.
func headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		next.ServeHTTP(w, r)
	})
}

// Server is an HTTP server with the bounds that a stranger on the network calls for.
func (s *Site) Server(config *tls.Config, errors *log.Logger) *http.Server {
	return &http.Server{
		Handler: s.Handler(), TLSConfig: config, ErrorLog: errors,
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 15 * time.Second, IdleTimeout: time.Minute,
		MaxHeaderBytes: 16 << 10,
	}
}

func (s *Site) root(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/x-pem-file")
	_, _ = w.Write(clearinghouse.EncodeRoot(s.house.Root()))
}

func (s *Site) style(w http.ResponseWriter, r *http.Request) {
	http.ServeFileFS(w, r, files, "pages/style.css")
}
