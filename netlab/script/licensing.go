//go:build linux

package script

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"

	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
)

// The paper trail between a license server and the clearinghouse: documents go from
// one to the other as files, as by fax.

func (e *engine) clearinghouseWord(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var at starlark.Value
	var name string
	if err := starlark.UnpackArgs("clearinghouse", args, kwargs, "host", &at, "name?", &name); err != nil {
		return nil, err
	}
	host, err := hostName(at)
	if err != nil {
		return nil, err
	}
	var argv []string
	if name != "" {
		argv = []string{"--name", name}
	}
	if _, err := e.tool(host, "clearinghouse", "init", argv, 1); err != nil { // 1: it is there already
		return nil, err
	}
	folder, err := e.lab.DocumentFolder(host)
	if err != nil {
		return nil, err
	}
	roots := filepath.Join(folder, "roots.pem")
	if _, err := e.tool(host, "clearinghouse", "root", []string{"--output", roots}); err != nil {
		return nil, err
	}
	return structOf("clearinghouse", starlark.StringDict{
		"host": starlark.String(host), "folder": starlark.String(folder), "roots": starlark.String(roots),
	}), nil
}

// fields takes the host and the folder of a clearinghouse value.
func (e *engine) clearinghouseOf(v starlark.Value) (host, folder string, err error) {
	s, ok := v.(*starlarkstruct.Struct)
	if ok {
		h, err1 := s.Attr("host")
		f, err2 := s.Attr("folder")
		if err1 == nil && err2 == nil {
			host, _ = starlark.AsString(h)
			folder, _ = starlark.AsString(f)
			return host, folder, nil
		}
	}
	return "", "", fmt.Errorf("got %s, want what clearinghouse() returned", v.Type())
}

func (e *engine) activateWord(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var server, at starlark.Value
	if err := starlark.UnpackArgs("activate", args, kwargs, "server", &server, "clearinghouse", &at); err != nil {
		return nil, err
	}
	host, err := hostName(server)
	if err != nil {
		return nil, err
	}
	office, folder, err := e.clearinghouseOf(at)
	if err != nil {
		return nil, err
	}
	request := filepath.Join(folder, host+".request")
	answer := filepath.Join(folder, host+".activation")
	if _, err := e.tool(host, "licmgr", "request", []string{"--output", request}); err != nil {
		return nil, err
	}
	if _, err := e.tool(office, "clearinghouse", "activate", []string{"--output", answer, request}); err != nil {
		return nil, err
	}
	if _, err := e.tool(host, "licmgr", "activate", []string{"--file", answer}); err != nil {
		return nil, err
	}
	return e.serverID(host)
}

func (e *engine) serverID(host string) (starlark.Value, error) {
	shown, err := e.show(host)
	if err != nil {
		return nil, err
	}
	server, err := shown.Attr("server")
	if err != nil {
		return nil, err
	}
	return server.(starlark.HasAttrs).Attr("server_id")
}

func (e *engine) stockWord(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	own, others := takeFlags(kwargs, "server", "clearinghouse", "cals")
	var server, at starlark.Value
	var cals int
	if err := starlark.UnpackArgs("stock", args, own, "server", &server, "clearinghouse", &at, "cals", &cals); err != nil {
		return nil, err
	}
	host, err := hostName(server)
	if err != nil {
		return nil, err
	}
	office, folder, err := e.clearinghouseOf(at)
	if err != nil {
		return nil, err
	}
	more, err := flags(others)
	if err != nil {
		return nil, err
	}
	id, err := e.serverID(host)
	if err != nil {
		return nil, err
	}
	lsid, _ := starlark.AsString(id)
	if lsid == "" {
		return nil, fmt.Errorf("%s is not activated; activate(%s, ...) first", host, host)
	}
	e.packs++
	pack := filepath.Join(folder, fmt.Sprintf("%s-%d.keypack", host, e.packs))
	issue := append([]string{"--server", lsid, "--count", strconv.Itoa(cals), "--output", pack}, more...)
	if _, err := e.tool(office, "clearinghouse", "issue", issue); err != nil {
		return nil, err
	}
	_, err = e.tool(host, "licmgr", "install", []string{"--file", pack})
	return starlark.None, err
}

// show is what licmgr shows of the license server on a host.
func (e *engine) show(host string) (starlark.HasAttrs, error) {
	r, err := e.tool(host, "licmgr", "show", []string{"--tokens", "--json"})
	if err != nil {
		return nil, err
	}
	shown, ok := parsed(r.Stdout).(starlark.HasAttrs)
	if !ok {
		return nil, errors.New("licmgr show --json printed no JSON object")
	}
	return shown, nil
}

func (e *engine) inventoryWord(_ *starlark.Thread, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var server starlark.Value
	if err := starlark.UnpackArgs("inventory", args, kwargs, "server", &server); err != nil {
		return nil, err
	}
	host, err := hostName(server)
	if err != nil {
		return nil, err
	}
	shown, err := e.show(host)
	if err != nil {
		return nil, err
	}
	fields := starlark.StringDict{"tokens": starlark.NewList(nil), "key_packs": starlark.NewList(nil)}
	for _, name := range shown.AttrNames() {
		if fields[name], err = shown.Attr(name); err != nil {
			return nil, err
		}
	}
	fields["free"] = starlark.MakeInt(freeCALs(fields["key_packs"]))
	r, err := e.tool(host, "licmgr", "peers", []string{"--json"})
	if err != nil {
		return nil, err
	}
	believed, ok := parsed(r.Stdout).(starlark.HasAttrs)
	if !ok {
		return nil, errors.New("licmgr peers --json printed no JSON object")
	}
	if fields["peers"], err = believed.Attr("peers"); err != nil {
		return nil, err
	}
	return structOf("inventory", fields), nil
}

// freeCALs adds up what the key packs of CALs have left.
func freeCALs(packs starlark.Value) int {
	free := 0
	list, ok := packs.(*starlark.List)
	if !ok {
		return 0
	}
	for v := range list.Elements() {
		pack, ok := v.(*starlarkstruct.Struct)
		if !ok {
			continue
		}
		kind, err := pack.Attr("kind")
		if err != nil || kind != starlark.String("CAL") {
			continue
		}
		if available, err := pack.Attr("available"); err == nil {
			if n, err := starlark.AsInt32(available); err == nil {
				free += n
			}
		}
	}
	return free
}
