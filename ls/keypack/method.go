package keypack

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tslab/tslab/internal/edition"
)

// Method is a way to reach the clearinghouse.
type Method string

// The methods (white paper, Activate a License Server; 2003, Activating a Terminal
// Server license server). Automatic is what Windows Server 2003 calls Internet.
const (
	Internet  Method = "internet"
	Automatic Method = "automatic"
	Web       Method = "web"
	Phone     Method = "phone"
	Fax       Method = "fax"
)

// Label is the method as the tool shows it.
func (m Method) Label() string {
	switch m {
	case Web:
		return "Web Browser"
	case Phone:
		return "Telephone"
	}
	return strings.ToUpper(string(m[:1])) + string(m[1:])
}

// Methods lists the methods that an edition has, by its knobs connection_methods and
// default_method: the recommended one first.
func Methods(p *edition.Profile) []Method {
	list := []Method{Method(p.DefaultMethod)}
	for _, m := range p.ConnectionMethods {
		if m != p.DefaultMethod {
			list = append(list, Method(m))
		}
	}
	if !slices.Contains(p.ConnectionMethods, p.DefaultMethod) {
		list = list[1:]
	}
	return list
}

// ParseMethod finds a method among those of the edition; "" is the recommended one.
// Internet and Automatic are one method under two names.
func ParseMethod(p *edition.Profile, s string) (Method, error) {
	methods := Methods(p)
	if s == "" && len(methods) > 0 {
		return methods[0], nil
	}
	var names []string
	for _, m := range methods {
		online := m == Internet || m == Automatic
		if strings.EqualFold(s, string(m)) || strings.EqualFold(s, m.Label()) || online && (s == string(Internet) || s == string(Automatic)) {
			return m, nil
		}
		names = append(names, string(m))
	}
	return "", &FieldError{"method", fmt.Sprintf("%v has no connection method %q", p.Edition, s), "choose one of " + strings.Join(names, ", ")}
}

// Online reports a method for which a program, not a human, talks to the
// clearinghouse.
func (m Method) Online() bool { return m == Internet || m == Automatic }

// RouteFrom is the machine that must reach the clearinghouse for an online method, by
// the knob activation_needs_net_on: the tool's, or the license server's.
func RouteFrom(p *edition.Profile) edition.NetOn { return p.ActivationNeedsNetOn }

// AsksTrust reports whether the clearinghouse must be a trusted site first, by the
// knob ie_esc: for Automatic, and for Web when the browser runs on the license server
// (2003, Activating a Terminal Server license server, Important).
func AsksTrust(p *edition.Profile, m Method, browserOnServer bool) bool {
	return p.IEESC && (m.Online() || m == Web && browserOnServer)
}

// Country is one whose clearinghouse can be called.
type Country struct {
	Name   string
	Number string // of numbers that are kept free for fiction, where a country has them
}

// Countries lists them by name: "The appropriate telephone number is determined by the
// country you chose in the Licensing Wizard" (white paper, Phone).
func Countries() []Country {
	return []Country{
		{"Australia", "+61 1900 654 321"}, {"Austria", "+43 1 555 0142"}, {"Canada", "+1 613 555 0142"}, {"France", "+33 1 99 00 42 42"},
		{"Germany", "+49 30 23125 042"}, {"India", "+91 22 5550 0142"}, {"Ireland", "+353 20 910 0142"}, {"Japan", "+81 3 5550 0142"},
		{"Norway", "+47 99 99 99 42"}, {"Sweden", "+46 8 465 004 42"}, {"United Kingdom", "+44 20 7946 0142"}, {"United States", "+1 206 555 0142"},
	}
}

// ParseCountry finds a country by its name.
func ParseCountry(s string) (Country, error) {
	var names []string
	for _, c := range Countries() {
		if strings.EqualFold(strings.TrimSpace(s), c.Name) {
			return c, nil
		}
		names = append(names, c.Name)
	}
	return Country{}, &FieldError{"country", fmt.Sprintf("the clearinghouse has no telephone in %q", s), "choose the nearest of " + strings.Join(names, ", ")}
}

// ReactivationReason is why a license server is activated again.
type ReactivationReason string

// Reasons lists what the tool offers (Win32_TSLicenseServer, ReactivateServerAutomatic).
func Reasons() []ReactivationReason {
	return []ReactivationReason{"redeployed", "certificate-corrupt", "key-compromised", "key-expired", "upgraded"}
}

// ParseReason finds a reason by its name.
func ParseReason(s string) (ReactivationReason, error) {
	var names []string
	for _, r := range Reasons() {
		if strings.EqualFold(strings.TrimSpace(s), string(r)) {
			return r, nil
		}
		names = append(names, string(r))
	}
	problem := fmt.Sprintf("there is no reason %q", s)
	if strings.TrimSpace(s) == "" {
		problem = "a license server is activated again for a reason only"
	}
	return "", &FieldError{"reason", problem, "choose one of " + strings.Join(names, ", ")}
}
