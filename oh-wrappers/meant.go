package main

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

// anyServer is what every server may see of the environment that its container
// was started with: who and where it is, the way to the network and whom to
// trust there. The two servers have settings of their own beside it, see
// ofActionExecutionServer and ofAgentServer. Whatever else there is was meant
// for the programs of the base or for those of the user.
var anyServer = []string{
	"HOME", "USER", "LOGNAME", "SHELL", "HOSTNAME", "TERM", "COLORTERM", "TZ", "TMPDIR",
	"http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY",
	"SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS",
}

// ofActionExecutionServer are the settings that the server's sources read and
// its documentation or its clients set.
var ofActionExecutionServer = []string{
	"OH_*", "OPENHANDS_*", "SANDBOX_*", "RUNTIME", "RUNTIME_*", "SESSION_API_KEY", "SU_TO_USER", "port",
	"DEBUG", "DEBUG_RUNTIME", "LOG_*", "NO_CHANGE_TIMEOUT_SECONDS", "INIT_PLUGIN_TIMEOUT",
	"VSCODE_PORT", "OPENVSCODE_SERVER_BASE_PATH", "DISABLE_VSCODE_PLUGIN", "WORKSPACE_BASE", "WORKSPACE_MOUNT_PATH*",
	"BROWSERGYM_DOWNLOAD_DIR", "LOCAL_RUNTIME_MODE",
}

// ofAgentServer are the settings of the server and its packages, and what it
// takes from its environment to act for the user: credentials, also for the
// models and services that it calls, and the way to repositories, engines and
// displays.
var ofAgentServer = []string{
	"OH_*", "OPENHANDS_*", "SESSION_API_KEY", "DEBUG", "DEBUG_LLM", "LOG_*", "LLM_*", "ACP_*", "AUTOMATION_*", "EXTENSIONS_*",
	"GRAYSWAN_*", "AI_AGENT", "DO_NOT_TRACK", "FORWARDED_ALLOW_IPS", "ANONYMIZED_TELEMETRY",
	"LMNR_*", "OTEL_ENDPOINT", "OTEL_HEADERS", "OTEL_EXPORTER", "OTEL_EXPORTER_OTLP_*",
	"*_TOKEN", "*_KEY", "*_SECRET", "*_PASSWORD", "AWS_*", "AZURE_*", "GOOGLE_*", "VERTEXAI_*", "*_API_BASE", "*_BASE_URL",
	"GIT_AUTHOR_*", "GIT_COMMITTER_*", "GIT_ASKPASS", "GIT_SSH", "GIT_SSH_COMMAND", "GIT_SSL_CAINFO", "SSH_AUTH_SOCK", "SSH_ASKPASS",
	"DOCKER_*", "DISPLAY", "XAUTHORITY",
}

// steering are variables with which a base means its own programs, and which
// would lead an interpreter of the payload, or OpenSSL in it, to what is not
// its own. What a user runs in the payload's Python is without them.
var steering = []string{
	"LD_*", // the loader is sealed against them, Python's ctypes is not
	"PYTHONHOME", "PYTHONPLATLIBDIR", "PYTHONSTARTUP", "PYTHONINSPECT", "PYTHONOPTIMIZE", "PYTHONWARNINGS", "PYTHONIOENCODING",
	"NODE_OPTIONS", "NODE_PATH",
	"OPENSSL_*",
	"BASH_ENV", "ENV",
}

// own is what a program of the payload has whatever the user's environment
// says. The package litellm would otherwise fetch a price list while it is
// imported. OpenSSL has no configuration where the payload's libcrypto looks for
// it; Node.js, which has an OpenSSL of its own, would read that of the base, and
// does not start with a bad one. Editors are for people alone.
func own() []payload.Var {
	vars := slices.DeleteFunc(payload.Environ(), func(v payload.Var) bool {
		return slices.Contains([]string{"EDITOR", "VISUAL", "GIT_EDITOR"}, v.Name)
	})
	return append(vars,
		// The payload has one locale; in any other, programs would be left with ASCII.
		payload.Var{Name: "LC_ALL", Value: "C.UTF-8"},
		payload.Var{Name: "LITELLM_LOCAL_MODEL_COST_MAP", Value: "True"},
		payload.Var{Name: "OPENSSL_CONF", Value: payload.Prefix + "/openssl.cnf"})
}

// inVenv is what a program of the virtual environment has beside it.
func inVenv() []payload.Var {
	return append(own(), payload.Var{Name: "VIRTUAL_ENV", Value: payload.Venv})
}

// forTool is the environment of what a user runs in the payload's virtual
// environment: the user's, but for what would keep its programs from working.
func (e environ) forTool(first ...string) environ {
	return e.forServer(func(name, _ string) bool { return !matchesAny(steering, name) }, inVenv(), first...)
}

// serverEnviron is the environment of a server with the given settings. What
// is meant for it and would keep it from starting is mended or left out, with
// a line that says so.
func (c *call) serverEnviron(settings []string, own []payload.Var, first ...string) environ {
	return c.forNetwork(c.env.forServer(func(name, value string) bool {
		if !matchesAny(anyServer, name) && !matchesAny(settings, name) || ofKubernetes(name, value) {
			return false
		}
		if err := c.usable(name, value); err != nil {
			fmt.Fprintf(c.stderr, "%s: the server goes without %s: %v\n", c.name, name, err)
			return false
		}
		return true
	}, own, first...))
}

// ofKubernetes reports whether a variable is one of those that Kubernetes sets
// for a service, which are called like settings: the service "oh" has OH_PORT.
func ofKubernetes(name, value string) bool {
	for _, protocol := range []string{"tcp://", "udp://", "sctp://"} {
		if strings.Contains(name, "_PORT") && strings.HasPrefix(value, protocol) {
			return true
		}
	}
	return false
}

// longestTemporary leaves room below TMPDIR for the names of sockets, which
// have 107 bytes in all.
const longestTemporary = 40

// usable looks at the files and folders that a variable names. Python's ssl
// fails for any connection, encrypted or not, when they are not what it expects.
func (c *call) usable(name, value string) error {
	switch name {
	case "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "GIT_SSL_CAINFO", "AWS_CA_BUNDLE":
		// The two of requests may also name a folder.
		if info, err := os.Stat(c.path(value)); err == nil && info.IsDir() && strings.HasSuffix(name, "_CA_BUNDLE") {
			return nil
		}
		return c.holdsCertificate(value)
	case "SSL_CERT_DIR":
		return c.folderAt(value)
	case "TMPDIR":
		if len(value) > longestTemporary {
			return fmt.Errorf("%s is longer than %d bytes, which leaves no room for names of sockets", value, longestTemporary)
		}
		return c.folderAt(value)
	}
	return nil
}

func (c *call) folderAt(name string) error {
	if !path.IsAbs(name) {
		return fmt.Errorf("%q is no absolute path", name)
	}
	info, err := os.Stat(c.path(name))
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is no folder", name)
	}
	return err
}

// maxCertificates is more than any bundle of certificate authorities has, in bytes.
const maxCertificates = 16 << 20

func (c *call) holdsCertificate(name string) error {
	if !path.IsAbs(name) {
		return fmt.Errorf("%q is no absolute path", name)
	}
	info, err := os.Stat(c.path(name))
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is no regular file", name)
	}
	file, err := os.Open(c.path(name))
	if err != nil {
		return err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxCertificates))
	if err != nil {
		return err
	}
	for text := bytes.TrimSpace(text); ; {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			return fmt.Errorf("%s holds no certificate", name)
		}
		if strings.HasSuffix(block.Type, "CERTIFICATE") {
			return nil
		}
	}
}
