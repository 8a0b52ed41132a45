package rules

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// shown is what a person sees of a code of Set Error Info, 0x100 + its place: mstsc of
// the Windows Server 2003 days says "The remote session was disconnected because" and
// then its text, rdesktop 1.9 its own.
type shown struct{ mstsc, rdesktop string }

func shownTexts() []shown {
	return []shown{
		{"there was an internal error in the remote computer's licensing protocol.", "Internal licensing error"},
		{"there are no Terminal Server License Servers available to provide a license.", "No license server available"},
		{"there are no Terminal Server client access licenses available for this computer.", "No valid license available"},
		{"the remote computer received an invalid licensing message from this computer.", "Invalid licensing message from client"},
		{"the Terminal Server client access license stored on this computer has been modified.", "The client license has been modified and does no longer match the hardware ID"},
		{"the Terminal Server client access license stored on this computer is in an invalid format.", "The client license is in an invalid format"},
		{"there were network problems during the licensing protocol.", "Network error during licensing protocol"},
		{"the client prematurely ended the licensing protocol.", "Licensing protocol was not completed"},
		{"a licensing message was incorrectly encrypted.", "Incorrect client license encryption"},
		{"the local computer's client access license could not be upgraded or renewed.", "Can't upgrade or renew license"},
		{"the remote computer is not licensed to accept remote connections.", "The server is not licensed to accept remote connections"},
	}
}

// firstErrorInfo is the first code of Set Error Info about licensing.
const firstErrorInfo = 0x100

// shownFor is how clients tell a code of Set Error Info about licensing.
func shownFor(n uint32) []string {
	texts := shownTexts()
	i := int64(n) - firstErrorInfo
	if i < 0 || i >= int64(len(texts)) {
		return nil
	}
	return []string{
		fmt.Sprintf("mstsc: The remote session was disconnected because %s ExtendedDisconnectReason is %d", texts[i].mstsc, n),
		fmt.Sprintf("rdesktop: %s; exit status %d. xfreerdp 2.11: exit status %d", texts[i].rdesktop, 16+i, 240+i),
	}
}

// local is a number that a client shows and no server sends.
type local struct {
	number     uint32
	name, text string
}

func locals() []local {
	return []local{
		{267, "exDiscReasonLicenseCreatingLicStoreAccDenied", "the client itself could not make its license store, for want of access: start it once with the rights to write HKEY_LOCAL_MACHINE\\Software\\Microsoft\\MSLicensing. No server sends it; a device that stores nothing is tsclient connect --no-store"},
		{2056, "LicensingNegotFailed", "\"The remote computer disconnected the session because of an error in the licensing protocol.\" The licensing phase broke off: an ERROR_ALERT with ST_TOTAL_ABORT, a message that the client does not take, or the end of the connection in between. Which refusal it was, the terminal server's events tell (tslab events)"},
	}
}

// localTopics explains such a number or its name.
func localTopics(n uint32, name string) []Topic {
	var found []Topic
	for _, l := range locals() {
		if n != 0 && n == l.number || strings.EqualFold(name, l.name) {
			found = append(found, Topic{l.name, "code", []string{fmt.Sprintf("%d, shown by mstsc: %s", l.number, l.text)}, nil})
		}
	}
	return found
}

// leastWords is how much of a text must be given to be looked for.
const leastWords = 8

// quoted explains words out of an event's text or out of what a client shows.
func (t *Table) quoted(words string, events map[int]string) []Topic {
	words = strings.ToLower(strings.Join(strings.Fields(words), " "))
	if len(words) < leastWords {
		return nil
	}
	has := func(text string) bool {
		return strings.Contains(strings.ToLower(strings.Join(strings.Fields(text), " ")), words)
	}
	var numbers []uint32
	for id, text := range events {
		if has(text) {
			numbers = append(numbers, uint32(id))
		}
	}
	slices.Sort(numbers)
	var found []Topic
	for _, id := range numbers {
		found = append(found, t.numbered(id, events)...)
	}
	for i, s := range shownTexts() {
		if n := uint32(firstErrorInfo + i); has("because "+s.mstsc) || has(s.rdesktop) {
			found = append(append(found, t.numbered(n, nil)...), t.coded(n, "")...)
		}
	}
	for _, l := range locals() {
		if has(l.text) {
			found = append(found, localTopics(l.number, "")...)
		}
	}
	return found
}

// occasion is when an event is logged and what to do about it, by its number: what the
// white paper says of each (002, System Logs and the Event Viewer), with the lab's own
// commands.
func occasion(id int) []string {
	name := strconv.Itoa(id)
	for block := range strings.SplitSeq(occasions, "\n\n") {
		head, rest, _ := strings.Cut(strings.TrimPrefix(block, "\n"), "\n")
		if head == name {
			return strings.Split(strings.TrimRight(rest, "\n"), "\n")
		}
	}
	return nil
}
