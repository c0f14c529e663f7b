package main

import (
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

func TestSooner(t *testing.T) {
	for command, want := range map[string]string{
		"python -u -m " + serverModule + " 8000 --user-id 1":          "python -u -s " + payload.StartServer + " --fork-server " + serverModule + " 8000 --user-id 1",
		"python -m " + serverModule + " 8000 --no-enable-browser":     "python -s " + payload.StartServer + " " + serverModule + " 8000 --no-enable-browser",
		venvBin + "/python -m jupyter kernelgateway --port=1":         venvBin + "/python -s " + payload.StartServer + " kernel_gateway --config=" + gatewayConfig + " --port=1",
		venvBin + "/python -m jupyter kernelspec list":                "",
		"python -I -m " + payload.AgentServerModule + " --port 1":     "python -I -s " + payload.StartServer + " --for-user " + payload.AgentServerModule + " --port 1",
		"python -m pip install " + serverModule:                       "",
		"python -c 1 -m":                                              "",
		"python tool.py -m " + serverModule + " 8000":                 "",
		"python - -m " + payload.AgentServerModule:                    "",
		"python -uc 1 -m " + payload.AgentServerModule:                "",
		"python -uB -W ignore -Xutf8 -m " + payload.AgentServerModule: "python -uB -W ignore -Xutf8 -s " + payload.StartServer + " --for-user " + payload.AgentServerModule,
		"python -W -m " + payload.AgentServerModule:                   "",
		"python -m":               "",
		"python":                  "",
		"grep -m " + serverModule: "",
		"-m " + serverModule:      "",
	} {
		if want == "" {
			want = command
		}
		if got := strings.Join(sooner(strings.Fields(command)), " "); got != want {
			t.Errorf("%s\nbecomes %s\nwant    %s", command, got, want)
		}
	}
}
