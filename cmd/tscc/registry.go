package main

import (
	"context"
	"fmt"
	"net"
	"strings"

	ucli "github.com/urfave/cli/v3"

	"github.com/tslab/tslab/internal/cli"
	"github.com/tslab/tslab/internal/edition"
	"github.com/tslab/tslab/ts"
	"github.com/tslab/tslab/ts/policy"
)

// Where Windows keeps what a terminal server is set to: the white paper, License Server
// Discovery; KB 239107, 301932 and 834651 for the others.
const (
	parametersKey = `HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\TermService\Parameters`
	coreKey       = `HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Control\Terminal Server\Licensing Core`

	defaultServerValue = "DefaultLicenseServer"
	serversKey         = "LicenseServers"
	graceEndedValue    = "LicensingGracePeriodEnded"
	modeValue          = "PolicyAcOn"
)

// policyModes are the data of PolicyAcOn.
func policyModes() map[string]string {
	return map[string]string{"2": "device", "4": "user", "0": "invalid"}
}

// registryValue is a value as the registry of such a Windows would have it. A key
// without values has neither name nor type.
type registryValue struct {
	Key  string `json:"key"`
	Name string `json:"name,omitempty"`
	Type string `json:"type,omitempty"`
	Data string `json:"data,omitempty"`
}

func registryCommand() *ucli.Command {
	return &ucli.Command{
		Name: "registry", Metadata: cli.Examples(52, "tscc registry --state ts1"),
		Usage: "show the terminal server's settings as the values of a Windows registry",
		Description: "Those that the documents name, each with its key. `tscc set KEY\\NAME=DATA` sets them, where they can be set:\n" +
			"HKLM\\SYSTEM\\CurrentControlSet\\Services\\TermService\\Parameters\\DefaultLicenseServer=LS1\n" +
			"HKLM\\SYSTEM\\CurrentControlSet\\Control\\Terminal Server\\Licensing Core\\PolicyAcOn=4 (2 per device, 4 per user, 0 none there is)",
		Flags: flags(),
		Action: func(ctx context.Context, c *ucli.Command) error {
			if _, err := cli.Args(c, 0, 0); err != nil {
				return err
			}
			var s ts.Status
			if err := call(ctx, c, "status", nil, &s); err != nil {
				return err
			}
			values := registry(s)
			if c.Bool("json") {
				return cli.JSON(c.Root().Writer, values)
			}
			key := ""
			for _, v := range values {
				if v.Key != key {
					key = v.Key
					fmt.Fprintf(c.Root().Writer, "[%s]\n", key)
				}
				if v.Name != "" {
					fmt.Fprintf(c.Root().Writer, "    %s    %s    %s\n", v.Name, v.Type, v.Data)
				}
			}
			return nil
		},
	}
}

// registry is a terminal server's settings as registry values.
func registry(s ts.Status) []registryValue {
	values := []registryValue{{Key: parametersKey}}
	later := s.Edition == edition.Server2003.String()
	if later && s.Grace.State == policy.GraceEnded {
		values = append(values, registryValue{parametersKey, graceEndedValue, "REG_DWORD", "0x1"})
	}
	for _, addr := range s.Discovery.Named {
		if s.Knobs["override"] == string(edition.OverrideSeveral) {
			values = append(values, registryValue{Key: parametersKey + `\` + serversKey + `\` + serverName(addr)})
		} else {
			values = append(values, registryValue{parametersKey, defaultServerValue, "REG_SZ", serverName(addr)})
		}
	}
	for data, mode := range policyModes() {
		if later && mode == s.Mode {
			values = append(values, registryValue{coreKey, modeValue, "REG_DWORD", "0x" + data})
		}
	}
	return values
}

// serverName is an address as somebody writes it: without the port that goes without
// saying.
func serverName(addr string) string {
	if host, port, err := net.SplitHostPort(addr); err == nil && port == ts.LicenseServerPort {
		return host
	}
	return addr
}

// fromRegistry makes of KEY\NAME=DATA the setting that it is; other settings stay what
// they are.
func fromRegistry(setting string) (string, error) {
	path, data, _ := strings.Cut(setting, "=")
	if !strings.Contains(path, `\`) {
		return setting, nil
	}
	full := path
	if short := `HKLM\`; len(path) >= len(short) && strings.EqualFold(path[:len(short)], short) {
		full = `HKEY_LOCAL_MACHINE\` + path[len(short):]
	}
	switch {
	case strings.EqualFold(full, parametersKey+`\`+defaultServerValue):
		return defaultServerValue + "=" + data, nil
	case strings.EqualFold(full, coreKey+`\`+modeValue):
		mode, ok := policyModes()[strings.TrimPrefix(data, "0x")]
		if !ok {
			return "", cli.Usage("set: %s=%s: want 2 (per device), 4 (per user) or 0", modeValue, data)
		}
		return "mode=" + mode, nil
	case strings.HasPrefix(strings.ToLower(full), strings.ToLower(parametersKey+`\`+serversKey)):
		return "", cli.Usage("set: the keys below %s are set together: tscc set LicenseServers=NAME,...", serversKey)
	}
	return "", cli.Usage("set: %q is no value of the registry that a terminal server of the lab reads; `tscc registry --help` names those there are", path)
}
