package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tslab/tslab/ts/policy"
	"github.com/tslab/tslab/wire/licensing"
)

// extended is a code of Set Error Info that concerns licensing, MS-RDPBCGR
// 2.2.5.1.1.
type extended struct {
	code          uint32
	name, meaning string
	when          string // it is sent, where no rule of the table sends it
}

// extendedCodes are all of them.
func extendedCodes() []extended {
	return []extended{
		{0x100, "ERRINFO_LICENSE_INTERNAL", "an error inside the server's licensing", "the terminal server cannot store what it has decided"},
		{0x101, "ERRINFO_LICENSE_NO_LICENSE_SERVER", "there is no license server", ""},
		{0x102, "ERRINFO_LICENSE_NO_LICENSE", "there is no license for the client", ""},
		{0x103, "ERRINFO_LICENSE_BAD_CLIENT_MSG", "a licensing message of the client is malformed or out of order", "PROTO"},
		{0x104, "ERRINFO_LICENSE_HWID_DOESNT_MATCH_LICENSE", "the client's license is another device's", ""},
		{0x105, "ERRINFO_LICENSE_BAD_CLIENT_LICENSE", "the client's license is broken", ""},
		{0x106, "ERRINFO_LICENSE_CANT_FINISH_PROTOCOL", "the network failed during licensing", "PROTO; termsrv sends it only with --behavior refuse=cant-finish"},
		{0x107, "ERRINFO_LICENSE_CLIENT_ENDED_PROTOCOL", "the client ended licensing", "PROTO; termsrv sends it only with --behavior refuse=client-ended, as the client that ended is gone"},
		{0x108, "ERRINFO_LICENSE_BAD_CLIENT_ENCRYPTION", "a licensing message of the client is wrongly sealed", "PROTO"},
		{0x109, "ERRINFO_LICENSE_CANT_UPGRADE_LICENSE", "the client's license could not be upgraded or renewed", ""},
		{0x10A, "ERRINFO_LICENSE_NO_REMOTE_CONNECTIONS", "the server is not licensed to accept remote connections", "NORC"},
	}
}

// errorInfo is the meaning of an extended error code.
func errorInfo(n uint32) string {
	for _, e := range extendedCodes() {
		if e.code == n {
			return e.meaning
		}
	}
	return "licensing failed"
}

// ending is an answer on the wire that comes from no rule of the table.
type otherEnding struct{ name, text string }

func otherEndings() []otherEnding {
	return []otherEnding{
		{"PROTO", "a licensing message is malformed, out of order or wrongly sealed: ERROR_ALERT with ERR_INVALID_MESSAGE_LEN, ERR_INVALID_CLIENT or ERR_INVALID_MAC and ST_TOTAL_ABORT; to a client that announces it, Set Error Info 0x103 or 0x108. No rule of the table comes to it, and no event is numbered for it"},
		{"NORC", "the two sessions of a server in remote administration mode are taken: the third client is told 0x10A (266) and disconnected. That limit is not licensing, and no rule of the table comes to it"},
	}
}

// alertCodes are the error codes of an ERROR_ALERT with who sends them and what
// they mean, MS-RDPBCGR 2.2.1.12.1.3.
func alertCodes() map[licensing.Code]string {
	return map[licensing.Code]string{
		licensing.InvalidServerCertificate: "sent by the client: it does not trust the server's certificate",
		licensing.NoLicense:                "sent by the client: it does not want a license",
		licensing.InvalidMAC:               "sent by either: a message was wrongly sealed",
		licensing.InvalidScope:             "sent by the server: the license is for another scope; no rule here comes to it",
		licensing.NoLicenseServer:          "sent by the server: no license server answers, and the grace period is over",
		licensing.StatusValidClient:        "sent by the server: no error; licensing ends, and the session follows",
		licensing.InvalidClient:            "sent by the server: neither the client nor its license is taken",
		licensing.InvalidProductID:         "sent by the server: the license is for another product; no rule here comes to it",
		licensing.InvalidMessageLength:     "sent by the server: a message has a wrong length",
	}
}

// transitions are the state transitions of an ERROR_ALERT.
func transitions() map[licensing.Transition]string {
	return map[licensing.Transition]string{
		licensing.TotalAbort:        "the receiver gives up, and the connection ends",
		licensing.NoTransition:      "the receiver stays where it is: with STATUS_VALID_CLIENT licensing is over",
		licensing.ResetPhaseToStart: "licensing begins anew; Windows never sends it",
		licensing.ResendLastMessage: "the last message is to be sent again; Windows never sends it",
	}
}

// coded explains a code of the protocol by its number, 0 for none, or its name.
func (t *Table) coded(n uint32, name string) []Topic {
	is := func(number uint32, its string) bool { return n != 0 && n == number || strings.EqualFold(its, name) }
	var found []Topic
	for _, e := range extendedCodes() {
		if e.when != "" && is(e.code, e.name) || e.when == "" && strings.EqualFold(e.name, name) {
			found = append(found, e.topic(t))
		}
	}
	for code, meaning := range alertCodes() {
		if is(uint32(code), code.String()) {
			text := fmt.Sprintf("dwErrorCode 0x%08X of an ERROR_ALERT, %s", uint32(code), meaning)
			found = append(found, Topic{code.String(), "code", []string{text}, t.ending(func(w policy.Wire) bool {
				c, _ := w.Alert()
				return c == uint32(code)
			})})
		}
	}
	for transition, meaning := range transitions() {
		if is(uint32(transition), transition.String()) {
			text := fmt.Sprintf("dwStateTransition 0x%08X of an ERROR_ALERT: %s", uint32(transition), meaning)
			found = append(found, Topic{transition.String(), "code", []string{text}, nil})
		}
	}
	for _, o := range otherEndings() {
		if strings.EqualFold(o.name, name) {
			found = append(found, Topic{o.name, "answer on the wire", []string{o.text}, nil})
		}
	}
	slices.SortFunc(found, func(a, b Topic) int { return strings.Compare(a.Name, b.Name) })
	return found
}

func (e extended) topic(t *Table) Topic {
	text := []string{fmt.Sprintf("0x%X (%d) of a Set Error Info: %s", e.code, e.code, e.meaning)}
	if e.when != "" {
		text = append(text, "when: "+e.when)
	}
	text = append(text, shownFor(e.code)...)
	return Topic{e.name, "code", text, t.ending(func(w policy.Wire) bool { return w.ErrorInfo() == e.code })}
}

// ending lists the rules that end on the wire as wanted.
func (t *Table) ending(wanted func(policy.Wire) bool) []*Rule {
	return t.mentioning(func(r *Rule) bool {
		for w := policy.WireOK; w <= policy.WireLogonFailure; w++ {
			if w.String() == r.Wire && !w.Pushes() && wanted(w) {
				return true
			}
		}
		return false
	})
}

// spoken explains a licensing message, or a state of the exchange, by the edges of
// its grammar.
func spoken(name string) []Topic {
	var found []Topic
	messages, states := map[string][]string{}, map[string][]string{}
	for _, step := range licensing.Order() {
		edge := fmt.Sprintf("%v: %v -> %v", step.Message, step.From, step.To)
		messages[step.Message.String()] = append(messages[step.Message.String()], edge)
		for _, s := range []licensing.State{step.From, step.To} {
			states[s.String()] = append(states[s.String()], edge)
		}
	}
	alert := licensing.TypeErrorAlert.String()
	messages[alert] = []string{"it may come in every state that is not an end: STATUS_VALID_CLIENT leads to Completed, another code where its transition says: ST_TOTAL_ABORT to Aborted, ST_RESET_PHASE_TO_START to Begin"}
	states[licensing.Aborted.String()] = []string{alert + ": every state but the ends -> Aborted, with ST_TOTAL_ABORT"}
	for _, m := range []struct {
		kind  string
		edges map[string][]string
	}{{"licensing message", messages}, {"state of licensing", states}} {
		for its, edges := range m.edges {
			if strings.EqualFold(its, name) {
				found = append(found, Topic{its, m.kind, edges, nil})
			}
		}
	}
	return found
}
