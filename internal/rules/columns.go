package rules

import (
	"fmt"
	"slices"
	"strings"
)

// column is something that rules look at.
type column uint8

// The columns. The first fourteen make a client's connection.
const (
	colEdition column = iota
	colMode
	colInternetUser
	colSessions
	colToken
	colValidated
	colRow
	colOS
	colGrace
	colLS
	colActivated
	colFree
	colPeer
	colDefaultLS

	colRequest

	colOperation
	colConnector
	colConnectorFree
	colLive
	colForced

	colBlob
	colKind
	colTrust
	colHardware
	colVersion
	colAhead
	colDate

	colPeriod
	colHappens

	colUser

	colDuty
	colAsker
	colMarked
	colIssuer
	colReferral
	colReferred
	colMarks
	colStep
	colFinal
	colAnswer

	columns = int(iota)
)

// mask has a bit for each value of a column; bit 0 is "does not apply".
type mask uint16

// combination is one value for each column, as its place in the vocabulary; zero is
// "does not apply".
type combination [columns]uint8

// word is a column's name, its values, and what it means.
type word struct {
	name    string
	values  []string
	meaning string
}

// vocabulary is closed: the data files use no other words.
var vocabulary = [columns]word{
	colEdition:      {"edition", []string{"w2k-rtm", "w2k-sp3", "ws2003"}, "release of the terminal server"},
	colMode:         {"mode", []string{"admin", "ic", "device", "user", "invalid"}, "what the terminal server licenses"},
	colInternetUser: {"internet-user", []string{"ok", "broken"}, "whether TSInternetUser can log on"},
	colSessions:     {"sessions", []string{"lt200", "ge200"}, "live sessions of the Internet Connector license"},
	colToken: {"token", []string{"none", "corrupt", "hwid-mismatch", "perm-fresh", "perm-near", "perm-expired",
		"temp", "temp-expired", "built-in"}, "what the client presents"},
	colValidated:     {"validated", yesNo(), "the temporary token was marked after a logon"},
	colRow:           {"row", []string{"none", "cal", "temp", "temp-exp"}, "what the license server holds for the device"},
	colOS:            {"os", []string{"pro", "oth", "mac"}, "Windows 2000 Professional or a successor, other Windows, Macintosh"},
	colGrace:         {"grace", []string{"not-started", "run", "overdue", "end"}, "the licensing grace period"},
	colLS:            {"ls", []string{"up", "down"}, "a license server answers"},
	colActivated:     {"activated", yesNo(), "the license server is activated"},
	colFree:          {"free", []string{"y", "n", "own"}, "a CAL is free there; own: it is the device's already"},
	colPeer:          {"peer", yesNo(), "another license server has one"},
	colDefaultLS:     {"default-ls", yesNo(), "DefaultLicenseServer is set"},
	colRequest:       {"request", []string{"cal", "temp", "renew", "built-in"}, "what the license server is asked for"},
	colOperation:     {"operation", []string{"enable", "disable"}, "of the Internet Connector mode"},
	colConnector:     {"connector", []string{"on", "off"}, "the Internet Connector mode"},
	colConnectorFree: {"connector-free", yesNo(), "an Internet Connector license is free"},
	colLive:          {"live", yesNo(), "anonymous sessions are live"},
	colForced:        {"forced", yesNo(), "the administrator forces it"},
	colBlob:          {"blob", []string{"empty", "foreign", "broken", "sound"}, "what lies in the license message"},
	colKind:          {"kind", []string{"temp", "cal", "built-in"}, "kind of the token"},
	colTrust:         {"trust", []string{"root", "signer", "catalog", "own", "stranger"}, "what vouches for its license server: a clearinghouse, memory of its certificate, the catalog, nothing; own: it is of the terminal server's own grace period"},
	colHardware:      {"hardware", []string{"same", "other"}, "the device of the token"},
	colVersion:       {"version", []string{"older", "same", "newer"}, "its product version against the terminal server's"},
	colAhead:         {"ahead", []string{"no", "day", "more"}, "issued in the future: not, by at most a day, by more"},
	colDate:          {"date", []string{"never", "far", "near", "past"}, "its expiry: none, far (in w2k-rtm: in date), within the renewal window, past"},
	colPeriod:        {"period", []string{"not-started", "running", "ended", "expired"}, "the stored state; expired: ended by its days"},
	colHappens: {"happens", []string{"found", "temp-issued", "cal-issued", "peruser-pack", "warning", "over", "lost", "back", "service-start", "accepted"},
		"a license server found, found and has issued a temporary token, or a CAL; a Per User pack; a warning is due; the days are over; the license server lost; the clock set back; the service starts; a client is admitted"},
	colDuty: {"duty", []string{"serve", "inquire", "validated", "sweep", "connector", "version", "peer", "referred", "close", "report"},
		"which terminal servers are served; whether the issuer of a temporary token is asked for its mark; whether it is validated; what becomes of a row past its expiry; an Internet Connector license is wanted; whose CALs are given; whether another is referred to; what one that was referred to does; whether the device's temporary row is closed; whether the terminal server tells who referred it"},
	colAsker:    {"asker", []string{"nt4-tse", "w2k-rtm", "w2k-sp3", "ws2003"}, "edition of the terminal server that asks"},
	colMarked:   {"marked", []string{"y", "n", "none"}, "the row was marked after a logon; none: there is no row here"},
	colIssuer:   {"issuer", []string{"y", "n", "silent"}, "what the license server that issued the token says: it is marked, it is not, nothing"},
	colReferred: {"referred", yesNo(), "another license server answered than the one that was asked first"},
	colReferral: {"referral", yesNo(), "a referral says that the token is validated"},
	colMarks:    {"marks", yesNo(), "both ends know marks"},
	colStep:     {"step", []string{"within", "beyond"}, "how far the calendar went at once, against max_step"},
	colFinal:    {"final", yesNo(), "the terminal server has used up a list of license servers"},
	colAnswer: {"answer", []string{"CAL-take", "CAL-own", "CAL-renew", "TEMP-new", "TEMP-row", "BUILTIN", "REFER", "KEEP", "DENY-expired", "DENY-empty", "DENY-stock"},
		"what the license server is about to answer"},
	colUser: {"user", []string{"named", "unnamed"}, "whether the client named a user before the licensing"},
}

func yesNo() []string { return []string{"y", "n"} }

// named finds a column by its name.
func named(name string) (column, word, error) {
	var names []string
	for i, w := range vocabulary {
		if w.name == name {
			return column(i), w, nil
		}
		names = append(names, w.name)
	}
	return 0, word{}, fmt.Errorf("column %q is not known; the columns are %s", name, strings.Join(names, ", "))
}

// place is a value's place in its column, counted from 1.
func (w word) place(value string) (uint8, error) {
	if i := slices.Index(w.values, value); i >= 0 {
		return uint8(i + 1), nil
	}
	return 0, fmt.Errorf("%s cannot be %q; it is %s", w.name, value, strings.Join(w.values, ", "))
}

// value is what a combination has in a column, "-" if it does not apply.
func (c *combination) value(col column) string {
	if c[col] == 0 {
		return "-"
	}
	return vocabulary[col].values[c[col]-1]
}

// set gives a column one of its values; the vocabulary is closed, so that the
// program's own words cannot miss.
func (c *combination) set(col column, value string) {
	n, _ := vocabulary[col].place(value)
	c[col] = n
}

// is reports whether a column has a value.
func (c *combination) is(col column, value string) bool { return c.value(col) == value }

// String is the combination as conditions, without what does not apply.
func (c *combination) String() string {
	var parts []string
	for i, w := range vocabulary {
		if c[i] != 0 {
			parts = append(parts, w.name+"="+w.values[c[i]-1])
		}
	}
	return strings.Join(parts, " ")
}
