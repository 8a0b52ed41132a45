package clearinghouse

import (
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.etcd.io/bbolt"

	"github.com/tslab/tslab/ls/keypack"
	"github.com/tslab/tslab/wire/enroll"
)

// Op is something that the clearinghouse is asked to do.
type Op string

// The operations. What a customer may ask for himself, and by which way, is for who
// offers it: see [Op.Public].
const (
	OpActivate   Op = "activate"   // request, or product-id; company, contact, email, country
	OpReactivate Op = "reactivate" // the same, and reason
	OpDeactivate Op = "deactivate" // server-id
	OpInstall    Op = "install"    // server-id, program and its numbers; kind, product, count; or request: an order with them
	OpPrint      Op = "print"      // server-id: its activation; with program and numbers its key packs
	OpReissue    Op = "reissue"    // as install, and former-id
	OpRecover    Op = "recover"    // as install, and license-id (several apart by blanks or commas)
	OpTransfer   Op = "transfer"   // as install, and license-id, from, to
	OpIssue      Op = "issue"      // server-id, program, kind, product, count: a key pack for no purchase
	OpPurchase   Op = "purchase"   // purchase: a reseller's record
	OpProduct    Op = "product"    // nothing
)

// Public reports what a customer asks for himself, over the Internet or in a browser.
// To get lost licenses again "it is necessary to use the phone connection method"
// (white paper, License Recovery), and the rest is the clearinghouse's own affair.
func (op Op) Public() bool {
	return op == OpActivate || op == OpReactivate || op == OpInstall || op == OpPrint
}

// Form is what somebody has filled in, by the names of its fields.
type Form map[string]string

// Answer is what somebody gets for a form.
type Answer struct {
	Op           Op       `json:"op"`
	ServerID     string   `json:"server_id,omitempty"`
	ProductID    string   `json:"product_id,omitempty"`
	Confirmation string   `json:"confirmation,omitempty"`
	Packs        []Pack   `json:"packs,omitempty"`
	Documents    []string `json:"documents,omitempty"` // to be carried to where they are for, as they are
	Text         string   `json:"text"`                // one line for a human
}

// fields are those that an operation takes, but for the program's own.
func (op Op) fields() []string {
	customer := []string{"company", "contact", "email", "country"}
	order := []string{"server-id", "program", "kind", "product", "count"}
	switch op {
	case OpActivate:
		return append(customer, RequestField, "product-id")
	case OpReactivate:
		return append(customer, RequestField, "product-id", "reason")
	case OpDeactivate:
		return []string{"server-id"}
	case OpInstall, OpPrint:
		return append(order, RequestField)
	case OpIssue:
		return order
	case OpReissue:
		return append(order, "former-id")
	case OpRecover:
		return append(order, "license-id")
	case OpTransfer:
		return append(order, "license-id", "from", "to")
	case OpPurchase:
		return []string{"purchase"}
	}
	return nil
}

// Do does what a form asks for. Faults in the form are [keypack.Faults]; nothing is
// changed then.
func (h *Clearinghouse) Do(op Op, f Form) (Answer, error) {
	if err := f.check(op); err != nil {
		return Answer{}, err
	}
	if op == OpInstall && f[RequestField] != "" {
		var err error
		if f, err = h.ordered(f[RequestField]); err != nil {
			return Answer{}, err
		}
		if err := f.check(op); err != nil {
			return Answer{}, err
		}
	}
	a, err := h.do(op, f)
	if known, ok := errors.AsType[*ActivatedError](err); ok {
		err = known.fault(f)
	}
	if err != nil {
		return Answer{}, err
	}
	a.Op = op
	return a, nil
}

// ordered is the form that an activated license server has filled in and signed.
func (h *Clearinghouse) ordered(document string) (Form, error) {
	o, err := enroll.ParseOrder([]byte(document), h.certificate)
	if err != nil {
		return nil, documentFault(RequestField, err)
	}
	f := Form{"server-id": o.ServerID}
	for _, field := range o.Fields {
		name, value, _ := strings.Cut(field, "=")
		if name != "server-id" && name != RequestField {
			f[name] = value
		}
	}
	return f, nil
}

// certificate is that of an activation; it may have been replaced since.
func (h *Clearinghouse) certificate(serverID string) (*x509.Certificate, error) {
	var s Server
	err := h.db.View(func(tx *bbolt.Tx) error {
		found, err := (&transaction{tx: tx}).get(bucketServers, serverID, &s)
		if err == nil && !found {
			err = keypack.Fault(RequestField, "activate it first, or look whether it belongs to another clearinghouse", "no license server was activated here as %s", serverID)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(s.Certificate)
}

func (e *ActivatedError) fault(f Form) error {
	field := RequestField
	if f[RequestField] == "" {
		field = "product-id"
	}
	problem, remedy, _ := strings.Cut(e.Error(), "; ")
	return keypack.Faults{{Field: field, Problem: problem, Remedy: remedy}}
}

func (h *Clearinghouse) do(op Op, f Form) (Answer, error) {
	switch op {
	case OpActivate, OpReactivate:
		return h.doActivate(op, f)
	case OpDeactivate:
		code, err := h.Deactivate(f["server-id"])
		return Answer{Confirmation: code, Text: "deactivated; the confirmation code is " + code}, err
	case OpPrint:
		return h.doPrint(f)
	case OpPurchase:
		p, err := h.TakeIn([]byte(f["purchase"]))
		return Answer{Text: fmt.Sprintf("%d x %s, %s, of %s: %d bought, %d left", p.Bought, p.Kind, p.Product, p.Program, p.Bought, p.Left())}, err
	case OpProduct:
		id, document, err := h.NewProduct()
		return Answer{ProductID: id, Documents: []string{string(document)}, Text: "product " + id}, err
	}
	claim, err := f.claim(op)
	if err != nil {
		return Answer{}, err
	}
	switch op {
	case OpInstall:
		p, err := h.Install(claim)
		return packAnswer(err, p)
	case OpIssue:
		p, err := h.Issue(Order{ServerID: claim.ServerID, Kind: claim.Kind, Product: claim.Product, Program: claim.Program, Count: claim.Count})
		return packAnswer(err, p)
	case OpReissue:
		list, err := h.Reissue(claim, f["former-id"])
		return packAnswer(err, list...)
	case OpRecover:
		p, err := h.Recover(claim, licenses(f["license-id"]))
		return packAnswer(err, p)
	case OpTransfer:
		p, err := h.Transfer(claim, strings.TrimSpace(f["license-id"]), f["from"], f["to"])
		return packAnswer(err, p)
	}
	return Answer{}, fmt.Errorf("there is no operation %q", op)
}

func licenses(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\r' || r == '\t' })
}

func (h *Clearinghouse) doActivate(op Op, f Form) (Answer, error) {
	customer := Customer{Company: f["company"], Contact: f["contact"], Email: f["email"], Country: f["country"]}
	var reason keypack.ReactivationReason
	if op == OpReactivate {
		var err error
		if reason, err = keypack.ParseReason(f["reason"]); err != nil {
			return Answer{}, err
		}
	}
	var s Server
	var err error
	if f[RequestField] != "" {
		s, err = h.answer([]byte(f[RequestField]), reason)
	} else {
		s, err = h.answerProduct(f["product-id"], reason, customer)
	}
	a := Answer{ServerID: s.ServerID, ProductID: s.ProductID, Text: fmt.Sprintf("activation of %s as %s", s.detail(Server{}), s.ServerID)}
	if s.Document != nil {
		a.Documents = []string{string(s.Document)}
	}
	return a, err
}

func (h *Clearinghouse) doPrint(f Form) (Answer, error) {
	if f["program"] == "" {
		document, err := h.Print(f["server-id"])
		return Answer{Documents: []string{string(document)}, Text: "the activation, again"}, err
	}
	claim, err := f.claim(OpPrint)
	if err != nil {
		return Answer{}, err
	}
	list, err := h.Packs(claim)
	return packAnswer(err, list...)
}

func packAnswer(err error, list ...Pack) (Answer, error) {
	if err != nil {
		return Answer{}, err
	}
	a := Answer{Packs: list}
	var lines []string
	for _, p := range list {
		a.ServerID = p.ServerID
		a.Documents = append(a.Documents, string(p.Document))
		lines = append(lines, fmt.Sprintf("key pack %s, %d x %s", p.PackID, p.Count, p.Kind))
	}
	a.Text = strings.Join(lines, "; ")
	return a, nil
}

// Limits of a form, in bytes.
const (
	maxLine     = 256
	maxDocument = 64 << 10
)

// check refuses fields that the operation does not have, and what is too long or no
// text.
func (f Form) check(op Op) error {
	known := op.fields()
	if slices.Contains(known, "program") {
		for _, p := range keypack.Programs() {
			for _, field := range p.Fields() {
				known = append(known, field.Name)
			}
		}
	}
	var faults keypack.Faults
	for _, name := range slices.Sorted(maps.Keys(f)) {
		limit := maxLine
		if name == RequestField || name == "purchase" || name == "license-id" {
			limit = maxDocument
		}
		switch value := f[name]; {
		case !slices.Contains(known, name):
			faults = append(faults, &keypack.FieldError{Field: fmt.Sprintf("%.40q", name), Problem: fmt.Sprintf("%s has no such field", op), Remedy: "leave it out"})
		case len(value) > limit:
			faults = append(faults, &keypack.FieldError{Field: name, Problem: fmt.Sprintf("%d bytes are more than %d", len(value), limit), Remedy: "shorten it"})
		case limit == maxLine && strings.ContainsFunc(strings.TrimSpace(value), func(r rune) bool { return r < ' ' || r == 0x7f || r == '\uFFFD' }):
			faults = append(faults, &keypack.FieldError{Field: name, Problem: "it has characters that cannot be shown", Remedy: "type it by hand"})
		}
	}
	if len(faults) == 0 && f[RequestField] != "" && f["product-id"] != "" {
		faults = append(faults, &keypack.FieldError{Field: "product-id", Problem: "the activation request names the license server already", Remedy: "give one of the two"})
	}
	if len(faults) > 0 {
		return faults
	}
	return nil
}

// claim reads a form about a purchase.
func (f Form) claim(op Op) (Claim, error) {
	c := Claim{ServerID: f["server-id"], Numbers: map[string]string{}}
	var faults keypack.Faults
	note := func(err error) { faults = append(faults, keypack.FaultsOf(err)...) }
	var err error
	if c.Program, err = keypack.ParseProgram(f["program"]); err != nil {
		note(err)
	}
	for _, p := range keypack.Programs() {
		for _, field := range p.Fields() {
			c.Numbers[field.Name] = f[field.Name]
		}
	}
	coded := c.Program == keypack.LicenseCode && op != OpIssue // the code says the rest
	if f["kind"] != "" || !coded {
		c.Kind, err = keypack.KindOf(f["kind"])
		note(err)
	}
	if f["product"] != "" || !coded {
		if c.Product, err = keypack.ParseProduct(f["product"]); err != nil {
			note(keypack.Fault("product", "choose one of them", "%v", err))
		}
	}
	if count := strings.TrimSpace(f["count"]); count != "" {
		n, err := strconv.ParseUint(count, 10, 32)
		if err != nil || n == 0 {
			note(keypack.Fault("count", "give a number from 1 on", "%.20q is no number of licenses", count))
		}
		c.Count = uint32(n)
	}
	if faults != nil {
		return c, faults
	}
	return c, nil
}
