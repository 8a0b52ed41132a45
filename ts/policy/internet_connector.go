package policy

import "github.com/tslab/tslab/wire/tsls"

// Connector is the state in which an administrator turns the Internet Connector
// mode on or off, part 10 of the decision table.
type Connector struct {
	On bool // the mode is on, its token lies on this terminal server
	// The license server: the one in use for enable, the token's issuer for disable.
	Up, Activated bool
	Free          bool // an Internet Connector token is free there
	LiveSessions  bool // anonymous sessions are live
	Forced        bool // the administrator ends them
}

// ConnectorResult is what comes of it.
type ConnectorResult struct {
	Rule   string
	Result Operation
	// Request is what the license server is asked for when Result is OperationDone
	// and the mode is turned on; turning off is a tsls.Return.
	Request tsls.Request
	Reason  string
}

// Operation is the result of an operation.
type Operation uint8

// The results.
const (
	OperationDone    Operation = iota // do it
	OperationRefused                  // refuse it, the mode stays
	OperationNothing                  // there is nothing to do
)

// String is the name in the decision table.
func (o Operation) String() string { return [...]string{"ok", "refuse", "no-op"}[o%3] }

// EnableConnector decides on turning the mode on.
func EnableConnector(c Connector) ConnectorResult {
	switch {
	case c.On:
		return connectorResult("I4", OperationNothing, "a terminal server holds one Internet Connector license, and this one has it")
	case !c.Up:
		return connectorResult("I3", OperationRefused, "no license server answers, and the grace period does not cover the Internet Connector")
	case !c.Activated:
		return connectorResult("I3a", OperationRefused, "the license server is not activated")
	case !c.Free:
		return connectorResult("I2", OperationRefused, "the license server has no Internet Connector license free, and there is no temporary one")
	}
	r := connectorResult("I1", OperationDone, "the license moves to this terminal server")
	r.Request = tsls.RequestInternetConnector
	return r
}

// DisableConnector decides on turning the mode off.
func DisableConnector(c Connector) ConnectorResult {
	switch {
	case !c.On:
		return connectorResult("I11", OperationNothing, "Internet Connector licensing is off")
	case !c.Up:
		return connectorResult("I7", OperationRefused, "the license server that issued the license does not answer, so it cannot take it back")
	case c.LiveSessions && !c.Forced:
		return connectorResult("I8", OperationRefused, "anonymous sessions are live")
	}
	return connectorResult("I6", OperationDone, "the license goes back to the license server")
}

func connectorResult(rule string, result Operation, reason string) ConnectorResult {
	return ConnectorResult{Rule: rule, Result: result, Reason: reason}
}
