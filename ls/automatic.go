package ls

import (
	"context"
	"strings"

	"github.com/tslab/tslab/wire/tsls"
)

// automatic reaches the clearinghouse from here, for the licensing tool: "Automatic ...
// requires an Internet connection on the license server" (2003, Activating a Terminal
// Server license server; conflict C12).
func (s *Server) automatic(ctx context.Context, m tsls.Automatic) (tsls.Message, error) {
	if s.config.Clearinghouse == nil {
		return nil, tsls.Errorf(tsls.CodeForbidden, "method: the license server was not told where the clearinghouse is, and cannot reach it by itself; start it with --clearinghouse, or use another connection method")
	}
	form := map[string]string{}
	for _, f := range m.Fields {
		name, value, _ := strings.Cut(f, "=")
		form[name] = value
	}
	request, err := s.automaticForm(m, form)
	if err != nil {
		return nil, err
	}
	documents, err := s.config.Clearinghouse(ctx, m.Operation, request)
	if err != nil {
		return nil, tsls.Errorf(tsls.CodeDocument, "%v", err)
	}
	if len(documents) != 1 {
		return nil, tsls.Errorf(tsls.CodeDocument, "the clearinghouse answered with %d documents, not with one; use programs of the same release", len(documents))
	}
	if m.Operation == "install" {
		return s.installKeyPack(ctx, tsls.InstallKeyPack{Document: []byte(documents[0])})
	}
	return s.activate(ctx, tsls.Activate{Document: []byte(documents[0])})
}

// automaticForm is what the clearinghouse is sent: the administrator's fields become an
// activation request or an order, which this server signs.
func (s *Server) automaticForm(m tsls.Automatic, form map[string]string) (map[string]string, error) {
	switch m.Operation {
	case "activate", "reactivate":
		answer, err := s.activationRequest(tsls.GetActivationRequest{
			Company: form["company"], Contact: form["contact"], Email: form["email"], Country: form["country"],
		})
		if err != nil {
			return nil, err
		}
		request := map[string]string{"request": string(answer.(tsls.ActivationRequest).Document)}
		if m.Operation == "reactivate" {
			request["reason"] = form["reason"]
		}
		return request, nil
	case "install":
		answer, err := s.order(tsls.GetOrder{Fields: m.Fields})
		if err != nil {
			return nil, err
		}
		return map[string]string{"request": string(answer.(tsls.Order).Document)}, nil
	}
	return nil, tsls.Errorf(tsls.CodeMalformed, "there is no automatic operation %q", m.Operation)
}
