package web

import (
	"errors"
	"net/http"
	"strings"

	"github.com/tslab/tslab/ls/clearinghouse"
	"github.com/tslab/tslab/ls/keypack"
)

// form is a page with a form.
type form struct {
	path   string
	op     clearinghouse.Op
	title  string
	lead   string
	fields func(program keypack.Program) []input
}

// input is a field as a page shows it.
type input struct {
	Name, Label, Help string
	Kind              string // text, area, choice
	Options           []option
	Optional          bool
	Complete          string // autocomplete token

	Value         string // what was filled in
	Fault, Remedy string
	Focus         bool
}

type option struct{ Value, Label string }

func forms() []form {
	return []form{
		{"activate", clearinghouse.OpActivate, "Activate a license server",
			"Give the Product ID that the licensing tool shows, or paste the license server's activation request.", activation},
		{"reactivate", clearinghouse.OpReactivate, "Activate a license server again",
			"A license server is activated once. If it lost its activation, it gets another License Server ID, and its key packs must be issued again.",
			func(p keypack.Program) []input { return append(activation(p), reason()) }},
		{"install", clearinghouse.OpInstall, "Get a key pack",
			"You get a Key Pack ID, which you type into the licensing tool. Licenses are bought from a reseller; the clearinghouse sells none.", order},
		{"print", clearinghouse.OpPrint, "Get a key pack again",
			"For a key pack that was issued and got lost before it was installed.", order},
	}
}

func activation(keypack.Program) []input {
	var countries []option
	countries = append(countries, option{"", "not said"})
	for _, c := range keypack.Countries() {
		countries = append(countries, option{c.Name, c.Name})
	}
	f := keypack.ProductIDField()
	return []input{
		{Name: f.Name, Label: f.Label, Help: f.Help + " Small letters and missing dashes do no harm.", Kind: "text", Optional: true},
		{Name: clearinghouse.RequestField, Label: "or activation request", Help: "The text that licmgr request wrote, whole.", Kind: "area", Optional: true},
		{Name: "company", Label: "Company", Kind: "text", Optional: true, Complete: "organization"},
		{Name: "contact", Label: "Your name", Kind: "text", Optional: true, Complete: "name"},
		{Name: "email", Label: "E-mail", Kind: "text", Optional: true, Complete: "email"},
		{Name: "country", Label: "Country", Kind: "choice", Options: countries, Optional: true},
	}
}

func reason() input {
	labels := map[keypack.ReactivationReason]string{
		"redeployed": "The license server was set up anew", "certificate-corrupt": "Its certificate is damaged", "key-compromised": "Its key became known",
		"key-expired": "Its activation has expired", "upgraded": "It was upgraded to Windows Server 2003",
	}
	options := []option{{"", "choose one"}}
	for _, r := range keypack.Reasons() {
		options = append(options, option{string(r), labels[r]})
	}
	return input{Name: "reason", Label: "Why", Kind: "choice", Options: options}
}

// order asks for the program first, then for what the program wants.
func order(p keypack.Program) []input {
	if p == "" {
		var programs []option
		for _, p := range keypack.Programs() {
			programs = append(programs, option{p.Flag(), string(p)})
		}
		return []input{{Name: "program", Label: "Licensing program", Help: "How the licenses were bought.", Kind: "choice", Options: programs}}
	}
	f := keypack.ServerIDField()
	list := []input{{Name: f.Name, Label: f.Label, Help: f.Help + " The licensing tool shows it.", Kind: "text"}}
	for _, f := range p.Fields() {
		list = append(list, input{Name: f.Name, Label: f.Label, Help: f.Help, Kind: "text"})
	}
	if p == keypack.LicenseCode {
		return list
	}
	products := []option{}
	for _, q := range keypack.Products() {
		products = append(products, option{q.Name, q.Name})
	}
	return append(list,
		input{Name: "product", Label: "Product", Kind: "choice", Options: products},
		input{Name: "kind", Label: "License", Kind: "choice", Options: []option{{"cal", "Client access license, per device"}, {"per-user", "Client access license, per user"}, {"internet-connector", "Internet Connector"}}},
		input{Name: "count", Label: "Quantity", Help: "At most what is left of the purchase.", Kind: "text"})
}

// page is what the templates show.
type page struct {
	Title, Lead string
	Action      string
	Method      string
	Button      string
	Program     string // chosen, sent along
	ProgramName string
	Inputs      []input
	Faults      keypack.Faults
	Result      *result
	Links       []form
	Text        string
}

// Path and Name let the templates name a form.
func (f form) Path() string { return f.path }

// Name is the form's title.
func (f form) Name() string { return f.title }

// result is what a form was answered with.
type result struct {
	Text      string
	Numbers   []number
	Documents []string
	Next      string
}

// number is a code in its groups, for reading and for typing.
type number struct {
	Label  string
	Code   string
	Groups []string
}

func (s *Site) home(w http.ResponseWriter, _ *http.Request) {
	s.show(w, http.StatusOK, "home.html", page{Title: s.house.Root().Subject.CommonName, Links: forms()})
}

func (s *Site) nothing(w http.ResponseWriter, r *http.Request) {
	status, text := http.StatusNotFound, "There is no such page here."
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		status, text = http.StatusMethodNotAllowed, "This page takes no form."
	}
	s.show(w, status, "home.html", page{Title: s.house.Root().Subject.CommonName, Links: forms(), Text: text})
}

func (s *Site) foreign(w http.ResponseWriter, _ *http.Request) {
	s.show(w, http.StatusForbidden, "home.html", page{Title: s.house.Root().Subject.CommonName, Links: forms(),
		Text: "The form came from another site and was not read. Fill in the form here."})
}

// empty shows a form; the program of an order comes in the address.
func (s *Site) empty(w http.ResponseWriter, r *http.Request, f form) {
	program, err := keypack.ParseProgram(r.URL.Query().Get("program"))
	if r.URL.Query().Get("program") == "" {
		err = nil
	}
	status := http.StatusOK
	if err != nil {
		status = http.StatusUnprocessableEntity
	}
	s.form(w, status, f, program, nil, keypack.FaultsOf(err))
}

// filled reads a form that was sent.
func (s *Site) filled(w http.ResponseWriter, r *http.Request, f form) {
	if err := r.ParseForm(); err != nil {
		status := http.StatusBadRequest
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			status = http.StatusRequestEntityTooLarge
		}
		s.form(w, status, f, "", nil, keypack.Faults{{Field: "form", Problem: "it could not be read: " + err.Error(), Remedy: "fill it in again"}})
		return
	}
	values := clearinghouse.Form{}
	for name, list := range r.PostForm {
		if text := strings.Join(list, "\n"); strings.TrimSpace(text) != "" {
			values[name] = text
		}
	}
	a, err := s.house.Do(f.op, values)
	s.told(r.RemoteAddr, f.op, a, err)
	if err == nil {
		s.show(w, http.StatusOK, "result.html", page{Title: f.title, Result: resultOf(a)})
		return
	}
	faults := keypack.FaultsOf(err)
	status := http.StatusUnprocessableEntity
	if faults == nil {
		status = http.StatusInternalServerError
		faults = keypack.Faults{{Field: "form", Problem: err.Error(), Remedy: "call the clearinghouse"}}
	}
	program, _ := keypack.ParseProgram(values["program"])
	s.form(w, status, f, program, values, faults)
}

// form shows a form with what was filled in and what is wrong with it.
func (s *Site) form(w http.ResponseWriter, status int, f form, program keypack.Program, values clearinghouse.Form, faults keypack.Faults) {
	p := page{Title: f.title, Lead: f.lead, Action: "/" + f.path, Method: "post", Button: f.title, Inputs: f.fields(program), Faults: faults}
	if len(p.Inputs) == 1 { // the choice of the program
		p.Method, p.Button = "get", "Next"
	} else if program != "" {
		p.Program, p.ProgramName = program.Flag(), string(program)
	}
	focused := false
	for i := range p.Inputs {
		in := &p.Inputs[i]
		in.Value = values[in.Name]
		for _, fault := range faults {
			if fault.Field == in.Name {
				in.Fault, in.Remedy = fault.Problem, fault.Remedy
			}
		}
		if in.Focus = !focused && (in.Fault != "" || len(faults) == 0); in.Focus {
			focused = true
		}
	}
	s.show(w, status, "form.html", p)
}

func resultOf(a clearinghouse.Answer) *result {
	r := &result{Text: a.Text}
	add := func(label, code string) {
		r.Numbers = append(r.Numbers, number{label, code, strings.Split(code, "-")})
	}
	if a.Op == clearinghouse.OpActivate || a.Op == clearinghouse.OpReactivate {
		r.Next = "Type the License Server ID into the licensing tool, or bring it the document below."
		add("License Server ID", a.ServerID)
		if len(a.Documents) > 0 {
			r.Next = "Bring the document to the licensing tool."
		}
	}
	for _, p := range a.Packs {
		r.Next = "Type the Key Pack ID into the licensing tool of license server " + p.ServerID + "."
		add("Key Pack ID", p.PackID)
	}
	r.Documents = a.Documents
	return r
}

func (s *Site) show(w http.ResponseWriter, status int, name string, p page) {
	var b strings.Builder
	if err := s.pages.ExecuteTemplate(&b, name, p); err != nil {
		http.Error(w, "the page cannot be made: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(b.String()))
}
