package onebox_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/tslab/tslab/wire/token"
)

// TestConnectorOnItsWayBack: a terminal server that died while it gave its Internet
// Connector license back comes up with the mode off. Turned on again it has the one
// license that was its own; that it can be turned off once more shows internal/e2e.
func TestConnectorOnItsWayBack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := start(t, dir, withConnectors(1, "200"))
	if got := l.ic(t, "enable", false); got != "ok I1" {
		t.Fatalf("enable: %s", got)
	}
	was := l.TerminalServer().Status().Connector
	l.stop()
	onItsWay(t, filepath.Join(dir, "termsrv", "settings.json"))

	l = start(t, dir, withConnectors(1, "200"))
	if now := l.TerminalServer().Status().Connector; now != nil {
		t.Errorf("the mode is on after the restart: %+v", now)
	}
	if got := l.ic(t, "enable", false); got != "ok I1" {
		t.Errorf("enable once more: %s", got)
	}
	now := l.TerminalServer().Status().Connector
	if now == nil || now.LicenseID != was.LicenseID || l.free(t, token.InternetConnector.String()) != 0 {
		t.Errorf("%+v, before %+v; %d free", now, was, l.free(t, token.InternetConnector.String()))
	}
	if got := l.ic(t, "disable", false); got != "ok I6" {
		t.Errorf("disable: %s", got)
	}
	if n := l.free(t, token.InternetConnector.String()); n != 1 {
		t.Errorf("%d free when the mode is off", n)
	}
}

// onItsWay makes of a terminal server's settings those of one that died when it had
// turned the mode off and not yet heard that its license is back.
func onItsWay(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var settings map[string]json.RawMessage
	if err := json.Unmarshal(text, &settings); err != nil {
		t.Fatal(err)
	}
	if settings["internet_connector"] == nil {
		t.Fatalf("no license in %s", text)
	}
	settings["internet_connector_returning"] = settings["internet_connector"]
	delete(settings, "internet_connector")
	if text, err = json.Marshal(settings); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}
