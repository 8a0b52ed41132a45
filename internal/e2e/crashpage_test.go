package e2e

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"github.com/tslab/tslab/internal/crash"
)

//go:embed testdata/guarantees.md
var guaranteesHead string

// guaranteesPage is docs/guarantees.md: what stands in testdata, then the table.
func guaranteesPage(all []exchange, findings [][]finding) string {
	var b strings.Builder
	rows := 0
	for _, list := range findings {
		rows += len(list)
	}
	b.WriteString(strings.NewReplacer("{deaths}", fmt.Sprint(rows), "{points}", fmt.Sprint(len(crash.Points())), "{exchanges}", fmt.Sprint(len(all))).Replace(guaranteesHead))
	for i, x := range all {
		fmt.Fprintf(&b, "\n### %s\n\n%s\n\n", x.name, x.about)
		head := []string{"Killed", "when"}
		for _, actor := range x.who {
			head = append(head, names()[actor]+" then")
		}
		head = append(head, "The next try")
		for _, actor := range x.who {
			head = append(head, names()[actor]+" after it")
		}
		line(&b, head)
		line(&b, strings.Split(strings.Repeat("-", len(head)), ""))
		var notes []string
		for _, f := range findings[i] {
			row := []string{names()[f.actor], moment(f.actor, f.at)}
			for _, actor := range x.who {
				row = append(row, f.after[actor])
			}
			next := f.next
			if f.why != "" {
				n := slices.Index(notes, f.why)
				if n < 0 {
					n, notes = len(notes), append(notes, f.why)
				}
				next += fmt.Sprintf(" (%d)", n+1)
			}
			row = append(row, next)
			for _, actor := range x.who {
				row = append(row, f.then[actor])
			}
			line(&b, row)
		}
		for n, why := range notes {
			fmt.Fprintf(&b, "\n(%d) %s\n", n+1, why)
		}
		if words := x.endWords(); words != "" {
			fmt.Fprintf(&b, "\n%s\n", words)
		}
	}
	return b.String()
}

// endWords say how it ends, whoever was killed.
func (x *exchange) endWords() string {
	var parts []string
	for _, actor := range x.who {
		if want := x.end[actor]; want != "" {
			parts = append(parts, fmt.Sprintf("%s: %s", names()[actor], want))
		}
	}
	if parts == nil {
		return ""
	}
	tries := map[int]string{0: "one more try", 1: "one more try", 2: "two more tries", 3: "three more tries"}[x.tries]
	words := fmt.Sprintf("After %s, whoever was killed where: %s.", tries, strings.Join(parts, "; "))
	for _, actor := range x.who {
		if pool := x.returns[actor]; pool != "" {
			words += fmt.Sprintf(" When every date has passed: %s.", pool)
		}
	}
	return words
}

func line(b *strings.Builder, cells []string) {
	fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | "))
}

// names are the actors', for people.
func names() map[string]string {
	return map[string]string{
		"pc": "device", "ts": "terminal server", "ls1": "license server", "ls2": "second license server",
		"house": "clearinghouse", "admin": "licensing tool", "dc": "domain controller",
	}
}

// moment says in words when somebody is killed.
func moment(actor string, at crash.Point) string {
	what, step, _ := strings.Cut(string(at), "/")
	if file, ok := strings.CutPrefix(what, "file "); ok {
		return map[crash.Step]string{
			crash.BeforeStore: "`" + file + "` is written beside the old one, which still counts",
			crash.AfterStore:  "`" + file + "` is on the disk",
		}[crash.Step(step)]
	}
	what = strings.TrimPrefix(what, "tsls.")
	if words, ok := special()[actors()[actor]+" "+string(at)]; ok {
		return words
	}
	return fmt.Sprintf(map[crash.Step]string{
		crash.Asked:       "%s has come, nothing is done",
		crash.Answered:    "%s is answered, nothing is done with that",
		crash.BeforeStore: "%s is decided, not stored",
		crash.AfterStore:  "%s is stored, nobody has heard of it",
		crash.BeforeReply: "%s is done and logged, the answer not sent",
		crash.AfterReply:  "the answer to %s is sent",
	}[crash.Step(step)], strings.TrimPrefix(strings.TrimPrefix(what, "control "), "web "))
}

// special are the moments that the general words do not fit.
func special() map[string]string {
	return map[string]string{
		"tsclient challenge/before-reply":     "it has proved nothing yet: the challenge is not answered",
		"tsclient challenge/after-reply":      "the challenge is answered",
		"tsclient license/before-store":       "the token has come, nothing of it is stored",
		"tsclient license/after-store":        "the token is stored, the logon has not begun",
		"termsrv license/asked":               "the device has shown what it has, the license server is not asked",
		"termsrv license/answered":            "the license server has answered",
		"termsrv license/before-reply":        "it has decided and logged, the device is not told",
		"termsrv license/after-reply":         "the device is told",
		"termsrv logon/asked":                 "the user is logged on, the token not marked",
		"termsrv logon/answered":              "the token is marked, the user not told",
		"termsrv referral/answered":           "the second license server has given the CAL, the first is not told",
		"termsrv connector/answered":          "the license server has given the license, nothing is stored",
		"termsrv connector off/answered":      "the license server has taken the license back, that is not stored",
		"lserver identity/before-store":       "its key is made, nothing is stored",
		"lserver identity/after-store":        "its key is stored, it answers nobody yet",
		"lserver upgrade/before-store":        "it has seen that its edition is another one, nothing is stored",
		"lserver upgrade/after-store":         "the other edition is stored, it answers nobody yet",
		"lserver sweep/before-store":          "the rows past their date are found, nothing is stored",
		"lserver sweep/after-store":           "the rows past their date are returned",
		"licmgr online/answered":              "the clearinghouse has answered, the license server is not told",
		"clearinghouse database/before-store": "it is decided, nothing is stored",
		"clearinghouse database/after-store":  "it is stored, nothing is given out",
		"clearinghouse document/before-reply": "it is stored, the document not written",
		"clearinghouse document/after-reply":  "the document is written",
		"labdc entry/asked":                   "the license server has asked for the entry, nothing is done",
		"labdc entry/before-store":            "the entry is made, nothing is stored",
		"labdc entry/after-store":             "the entry is in the directory, it is logged",
		"labdc entry/before-reply":            "it is stored and logged, the answer not sent",
		"labdc entry/after-reply":             "the answer is sent",
		"labdc enroll/asked":                  "the request has come, nothing is done",
		"labdc enroll/before-store":           "the membership is made, nothing is stored",
		"labdc enroll/after-store":            "the membership is in the directory, nobody has heard of it",
		"labdc enroll/before-reply":           "it is stored and logged, the answer not sent",
		"labdc enroll/after-reply":            "the answer is sent",
	}
}
