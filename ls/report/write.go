package report

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
)

// Header names the columns of [Text] and [CSV], in their order.
func Header() []string {
	return []string{"License Server", "License ID", "Key Pack ID", "License Type", "Issue Type", "Issued To Computer",
		"Issued To User", "Hardware ID", "Issue Date", "Expiration Date", "Validated"}
}

// never is the expiration date of a token that has none.
const never = "never"

func (r Row) cells() []string {
	expires := never
	if !r.Expires.IsZero() {
		expires = r.Expires.UTC().Format(time.DateTime)
	}
	validated := "no"
	if r.Validated {
		validated = "yes"
	}
	return []string{r.Server, r.LicenseID, r.KeyPackID, r.Kind, r.IssueType(), r.Machine, r.User, r.HardwareID.String(),
		r.Issued.UTC().Format(time.DateTime), expires, validated}
}

// Text is lsreport's: tab-delimited, a header and a line a token, times in UTC. A
// tab or a line break in a name, which comes from another machine, becomes a space:
// every line has as many tabs.
func Text(w io.Writer, rows []Row) error {
	var b strings.Builder
	line := func(cells []string) {
		for i, cell := range cells {
			if i > 0 {
				b.WriteByte('\t')
			}
			b.WriteString(strings.Map(plain, cell))
		}
		b.WriteByte('\n')
	}
	line(Header())
	for _, r := range rows {
		line(r.cells())
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func plain(r rune) rune {
	switch {
	case unicode.IsSpace(r):
		return ' '
	case !unicode.IsPrint(r):
		return unicode.ReplacementChar
	}
	return r
}

// CSV is the same with commas, quoted as RFC 4180 asks. A cell that a spreadsheet
// would take for a formula begins with an apostrophe.
func CSV(w io.Writer, rows []Row) error {
	out := csv.NewWriter(w)
	if err := out.Write(Header()); err != nil {
		return err
	}
	for _, r := range rows {
		cells := r.cells()
		for i, cell := range cells {
			if cell = strings.Map(plain, cell); cell != "" && strings.ContainsRune("=+-@", rune(cell[0])) {
				cell = "'" + cell
			}
			cells[i] = cell
		}
		if err := out.Write(cells); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// entry is a row in JSON; its form is stable.
type entry struct {
	Server     string     `json:"license_server"`
	LicenseID  string     `json:"license_id"`
	KeyPackID  string     `json:"key_pack_id"`
	Type       string     `json:"license_type"`
	IssueType  string     `json:"issue_type"`
	Computer   string     `json:"computer"`
	User       string     `json:"user"`
	HardwareID string     `json:"hardware_id"`
	Issued     time.Time  `json:"issued"`
	Expires    *time.Time `json:"expires"` // null: never
	Validated  bool       `json:"validated"`
}

// JSON is the rows as one array of objects.
func JSON(w io.Writer, rows []Row) error {
	entries := []entry{}
	for _, r := range rows {
		e := entry{Server: r.Server, LicenseID: r.LicenseID, KeyPackID: r.KeyPackID, Type: r.Kind, IssueType: r.IssueType(),
			Computer: r.Machine, User: r.User, HardwareID: r.HardwareID.String(), Issued: r.Issued, Validated: r.Validated}
		if !r.Expires.IsZero() {
			e.Expires = &r.Expires
		}
		entries = append(entries, e)
	}
	text, err := json.MarshalIndent(entries, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s\n", text)
	return err
}
