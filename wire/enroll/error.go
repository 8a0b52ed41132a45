package enroll

import (
	"fmt"
	"strings"
)

// DocumentError says what is wrong with a document, where, and what to do.
type DocumentError struct {
	Kind   Kind // what was wanted; 0 when any would do
	Line   int  // of the file; 0 when no line is to blame
	Reason string
	Remedy string
}

// Problem is the error without the remedy.
func (e *DocumentError) Problem() string {
	var b strings.Builder
	if e.Kind == 0 {
		b.WriteString("document")
	} else {
		b.WriteString(strings.ToLower(e.Kind.String()))
	}
	if e.Line > 0 {
		fmt.Fprintf(&b, ", line %d", e.Line)
	}
	fmt.Fprintf(&b, ": %s", e.Reason)
	return b.String()
}

func (e *DocumentError) Error() string { return e.Problem() + "; " + e.Remedy }

const (
	remedyCopy   = "copy the file again, whole and unchanged"
	remedyEdited = "take the file as it was made, or have a new one made"
	remedyWhich  = "give a file that licmgr or clearinghouse has written"
	remedyNew    = "have a new one made"
)

// origin says where a document of the kind comes from.
func origin(k Kind) string {
	switch k {
	case KindActivationRequest:
		return "an activation request is written by `licmgr request`"
	case KindActivation:
		return "an activation is written by `clearinghouse activate`"
	case KindJoinRequest, KindSiteQuery, KindSiteEntry:
		return fmt.Sprintf("a %s comes from a host of the lab", strings.ToLower(k.String()))
	case KindJoined, KindSiteAnswer, KindRefusal:
		return fmt.Sprintf("a %s comes from a domain controller (labdc)", strings.ToLower(k.String()))
	case KindProduct:
		return "a product is written by `clearinghouse product`"
	case KindOrder:
		return "an order is signed by an activated license server (`licmgr install`)"
	case KindPurchase:
		return "a purchase record is written by `tslab sell`"
	default:
		return "a key pack is written by `clearinghouse issue`"
	}
}
