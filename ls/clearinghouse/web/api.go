package web

import (
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"strconv"

	"github.com/tslab/tslab/internal/crash"
	"github.com/tslab/tslab/ls/clearinghouse"
	"github.com/tslab/tslab/ls/keypack"
)

// api answers the licensing tool.
func (s *Site) api(w http.ResponseWriter, r *http.Request) {
	op := clearinghouse.Op(r.PathValue("op"))
	if !op.Public() {
		refuse(w, http.StatusNotFound, "there is no operation "+string(op)+" that is done over the Internet; call the clearinghouse")
		return
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		refuse(w, http.StatusMethodNotAllowed, "send the form with POST")
		return
	}
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != "application/json" {
		refuse(w, http.StatusUnsupportedMediaType, "send the form as application/json")
		return
	}
	var f clearinghouse.Form
	d := json.NewDecoder(r.Body)
	if err := d.Decode(&f); err != nil {
		status := http.StatusBadRequest
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			status = http.StatusRequestEntityTooLarge
		}
		refuse(w, status, "the form is no JSON object of texts: "+err.Error())
		return
	}
	if d.More() {
		refuse(w, http.StatusBadRequest, "something follows the form")
		return
	}
	at := "web " + string(op)
	crash.Here(at, crash.Asked)
	a, err := s.online(op, f)
	crash.Here(at, crash.BeforeReply)
	defer func() {
		if crash.Armed() { // or it would only be sent when the handler has returned
			_ = http.NewResponseController(w).Flush()
			crash.Here(at, crash.AfterReply)
		}
	}()
	s.told(r.RemoteAddr, op, a, err)
	if faults := keypack.FaultsOf(err); faults != nil {
		write(w, http.StatusUnprocessableEntity, failure{Faults: faults})
		return
	}
	if err != nil {
		refuse(w, http.StatusInternalServerError, err.Error())
		return
	}
	write(w, http.StatusOK, a)
}

// online does what a form that no human has typed asks for.
func (s *Site) online(op clearinghouse.Op, f clearinghouse.Form) (clearinghouse.Answer, error) {
	if op == clearinghouse.OpInstall && f[clearinghouse.RequestField] == "" {
		return clearinghouse.Answer{}, keypack.Fault(clearinghouse.RequestField, "have the license server sign the order, or use another connection method", "an order over the Internet is signed by the license server")
	}
	return s.house.Do(op, f)
}

// failure is what is answered instead.
type failure struct {
	Faults keypack.Faults `json:"faults,omitempty"`
	Error  string         `json:"error,omitempty"`
}

func refuse(w http.ResponseWriter, status int, text string) { write(w, status, failure{Error: text}) }

func write(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		status, b = http.StatusInternalServerError, []byte("{}")
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(b)+1))
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n')) // the peer is gone, or has it
}
