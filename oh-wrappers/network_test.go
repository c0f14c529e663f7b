package main

import (
	"os"
	"strings"
	"testing"

	"github.com/docker-openhands/docker-openhands/internal/payload"
)

func TestProxyAddress(t *testing.T) {
	for value, want := range map[string]string{
		"http://proxy:3128":              "http://proxy:3128",
		"http://proxy:3128/":             "http://proxy:3128",
		"proxy:3128":                     "http://proxy:3128",
		"proxy":                          "http://proxy",
		" http://proxy:3128 ":            "http://proxy:3128",
		"HTTPS://Proxy.example":          "https://Proxy.example",
		"socks5://127.0.0.1:1080":        "socks5://127.0.0.1:1080",
		"socks5h://me:secret@p:1":        "socks5h://me:secret@p:1",
		"http://me:p@ss:w@proxy:1":       "http://me:p@ss:w@proxy:1",
		"http://[fd00::1]:3128":          "http://[fd00::1]:3128",
		"socks4://p:1":                   "",
		"socks4a://p:1":                  "",
		"socks://p:1":                    "",
		"http://":                        "",
		"http://proxy:port":              "",
		"http://proxy:99999":             "",
		"http://me:pass#word@proxy:3128": "",
		"http://proxy:31 28":             "",
		"http://pro\x01xy":               "",
		"http://bücher:3128":             "",
		"http://[proxy]:3128":            "",
		"http://fd00::1:3128":            "",
		"http://300.1.2.3":               "",
		"http://1-2-3-4":                 "",
		"10.0.0.1:3128":                  "http://10.0.0.1:3128",
		"[":                              "",
		"tcp://10.0.0.1:80":              "",
	} {
		if got, err := proxyAddress(value); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v, want %q", value, got, err, want)
		}
	}
}

func TestDirectHosts(t *testing.T) {
	const own = "localhost,127.0.0.1,::1"
	for list, want := range map[string]struct{ hosts, dropped string }{
		"":                                    {own, ""},
		"*":                                   {"*", ""},
		"a, *":                                {"*", ""},
		"localhost,127.0.0.1,::1":             {own, ""},
		"[::1]":                               {"::1,localhost,127.0.0.1", ""},
		"example.com, .example.org ,*.a.b":    {"example.com,.example.org,.a.b," + own, ""},
		"localhost 127.0.0.1\tcorp":           {"localhost,127.0.0.1,corp,::1", ""},
		"10.0.0.0/8,corp:8080,,":              {"10.0.0.0/8,corp:8080," + own, ""},
		"fd00::/8,fe80::/10,a":                {"a," + own, `"fd00::/8" "fe80::/10"`},
		"fe80::1%eth0,fd00::1":                {"fd00::1," + own, `"fe80::1%eth0"`},
		"corp:x,b\u00fccher.example,http://a": {own, `"corp:x" "b\u00fccher.example" "http://a"`},
		"[fd00::/8],[x],a\x01b":               {"a,b," + own, `"[fd00::/8]" "[x]"`},
	} {
		hosts, dropped := directHosts(list)
		if hosts != want.hosts || strings.Join(dropped, " ") != want.dropped {
			t.Errorf("%q: %q without %q, want %q without %q", list, hosts, dropped, want.hosts, want.dropped)
		}
	}
}

// The server has what it understands of the way to the network, and says what
// it has not. Its user has all of it.
func TestServerEnvironForNetwork(t *testing.T) {
	const certificate = "# a comment\n-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"
	root := newRoot(t, map[string]string{
		payload.Micromamba: "wrappers", venvBin + "/python": "probe", payload.Code + "/": "",
		"/etc/corp.pem": certificate, "/etc/empty.pem": "", "/etc/certs/": "", "/var/tmp/": "",
	})
	must(t, os.Remove(root+"/dev/null"))
	user := environ{
		"PATH=/bin",
		"http_proxy=proxy:3128", "HTTPS_PROXY=http://proxy:3128", "ALL_PROXY=socks4://p:1", "all_proxy=socks5h://p:1",
		"no_proxy=fe80::/10,corp", "NO_PROXY=*",
		"SSL_CERT_FILE=/etc/corp.pem", "REQUESTS_CA_BUNDLE=/etc/missing.pem", "CURL_CA_BUNDLE=/etc/certs", "NODE_EXTRA_CA_CERTS=/etc/empty.pem",
		"SSL_CERT_DIR=/etc/certs", "TMPDIR=/var/tmp",
		"SSLKEYLOGFILE=/nowhere/keys", "VSCODE_PORT=tcp://10.0.0.1:80",
	}
	argv := strings.Fields(serverCommand)
	o, err := inside(t, root, 1000, user, "", argv[0], argv...)
	must(t, err)
	for name, want := range map[string]string{
		"http_proxy": "http://proxy:3128", "HTTPS_PROXY": "http://proxy:3128", "ALL_PROXY": "", "all_proxy": "socks5h://p:1",
		"no_proxy": "corp,localhost,127.0.0.1,::1", "NO_PROXY": "*",
		"SSL_CERT_FILE": "/etc/corp.pem", "REQUESTS_CA_BUNDLE": "", "CURL_CA_BUNDLE": "/etc/certs", "NODE_EXTRA_CA_CERTS": "",
		"SSL_CERT_DIR": "/etc/certs", "TMPDIR": "/var/tmp", "SSLKEYLOGFILE": "", "VSCODE_PORT": "",
	} {
		if got := o.Env.get(name); got != want {
			t.Errorf("%s=%q, want %q", name, got, want)
		}
	}
	given := o.Env.forUser()
	for _, entry := range user[1:] {
		if name, value, _ := strings.Cut(entry, "="); given.get(name) != value {
			t.Errorf("the user's %s=%q, want %q", name, given.get(name), value)
		}
	}
	for _, line := range []string{
		"the server goes without ALL_PROXY: its HTTP client knows no proxies of the kind socks4",
		`the server uses its proxy also for "fe80::/10" of no_proxy`,
		"the server goes without REQUESTS_CA_BUNDLE: ",
		"the server goes without NODE_EXTRA_CA_CERTS: /etc/empty.pem holds no certificate",
	} {
		if !strings.Contains(o.Messages, line) {
			t.Errorf("%q is not in %q", line, o.Messages)
		}
	}
}

// A proxy is never for what lies in the container.
func TestServerEnvironForLoopback(t *testing.T) {
	c, _, _ := newCall(t.TempDir(), environ{"https_proxy=http://proxy:3128"}, "x")
	if got := c.serverEnviron(nil, nil).get("no_proxy"); got != "localhost,127.0.0.1,::1" {
		t.Errorf("no_proxy=%q", got)
	}
	c, _, _ = newCall(t.TempDir(), environ{"HOME=/"}, "x")
	if got := c.serverEnviron(nil, nil); got.index("no_proxy") >= 0 {
		t.Errorf("without a proxy: %q", got)
	}
}

// The server reads what the gateway writes, and takes it for ready by the first
// line with the letters "at" in it.
func TestGatewaySaysNothing(t *testing.T) {
	root := newRoot(t, map[string]string{payload.Micromamba: "wrappers", venvBin + "/python": "probe"})
	argv := []string{payload.Micromamba, "run", "-n", "openhands", venvBin + "/python", "-m", "jupyter", "kernelgateway"}
	o, err := inside(t, root, 1000, environ{"PATH=/bin", "SSL_CERT_FILE=/missing", "ALL_PROXY=socks4://p:1", "PYTHONPATH=/app"}, "", argv[0], argv...)
	must(t, err)
	if o.Messages != "" {
		t.Errorf("it says %q", o.Messages)
	}
	for name, want := range map[string]string{"SSL_CERT_FILE": "", "ALL_PROXY": "", "PYTHONPATH": "", "JUPYTER_NO_CONFIG": "1", "JUPYTER_PREFER_ENV_PATH": "1"} {
		if got := o.Env.get(name); got != want {
			t.Errorf("%s=%q, want %q", name, got, want)
		}
	}
}
