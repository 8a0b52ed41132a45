package clearinghouse

import (
	"bytes"
	"context"
	"encoding/json"

	"github.com/tslab/tslab/internal/control"
)

// Ops are the operations that a form is filled in for.
func Ops() []Op {
	return []Op{OpActivate, OpReactivate, OpDeactivate, OpInstall, OpPrint, OpReissue, OpRecover, OpTransfer, OpIssue, OpPurchase, OpProduct}
}

// Log is the audit log with the two numbers under it.
type Log struct {
	Records []Record `json:"records"`
	Balance Balance  `json:"balance"`
}

// Controls are the operations of a running clearinghouse's control socket: every
// [Op] by its name with a [Form], "root" and "audit". told, when not nil, hears of
// every form.
func (h *Clearinghouse) Controls(told func(Op, Answer, error)) map[string]control.Handler {
	handlers := map[string]control.Handler{
		"root": func(context.Context, json.RawMessage) (any, error) { return string(EncodeRoot(h.root)), nil },
		"audit": func(context.Context, json.RawMessage) (any, error) {
			return h.Log()
		},
	}
	for _, op := range Ops() {
		handlers[string(op)] = func(_ context.Context, in json.RawMessage) (any, error) {
			var f Form
			if err := json.NewDecoder(bytes.NewReader(in)).Decode(&f); err != nil {
				return nil, err
			}
			a, err := h.Do(op, f)
			if told != nil {
				told(op, a, err)
			}
			return a, err
		}
	}
	return handlers
}

// Log reads the audit log and adds up.
func (h *Clearinghouse) Log() (Log, error) {
	var l Log
	err := h.Audit(func(r Record) error {
		l.Records = append(l.Records, r)
		return nil
	})
	if err != nil {
		return l, err
	}
	l.Balance, err = h.Balance()
	return l, err
}
