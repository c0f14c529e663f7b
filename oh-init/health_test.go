package main

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

func TestListens(t *testing.T) {
	for line, want := range map[string]string{
		"oh-init -- oh-agent-server":                                              "127.0.0.1:8000",
		"oh-init -- oh-agent-server --host 0.0.0.0 --port 8000":                   "127.0.0.1:8000",
		"/sbin/docker-init -- oh-init -- oh-agent-server --port=8123":             "127.0.0.1:8123",
		"/usr/local/bin/openhands-agent-server --port 1 --port 60000":             "127.0.0.1:60000",
		"oh-init -- oh-agent-server --host 10.0.0.7 --port 80":                    "10.0.0.7:80",
		"oh-init -- oh-agent-server --host :: --port x":                           "127.0.0.1:8000",
		"oh-init -- oh-agent-server --host ::1":                                   "[::1]:8000",
		"oh-init -- oh-agent-server --host localhost --port 70000":                "127.0.0.1:8000",
		"python -m openhands.agent_server --port":                                 "127.0.0.1:8000",
		"oh-init -- oh-agent-server --host fe80::1%eth0 --port 8001 --import-mod": "[fe80::1]:8001",
	} {
		if got := listens(strings.Fields(line)).String(); got != want {
			t.Errorf("%s: %s, want %s", line, got, want)
		}
	}
}

func TestGet(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/health" {
			w.WriteHeader(http.StatusTeapot)
		}
	}))
	defer server.Close()
	address := netip.MustParseAddrPort(server.Listener.Addr().String())
	for path, want := range map[string]string{"/health": "200 OK", "/x": "418 I'm a teapot"} {
		if got, err := get(address, path); err != nil || !strings.HasSuffix(got, " "+want) {
			t.Errorf("%s: %q, %v", path, got, err)
		}
	}

	for said, want := range map[string]string{"": `"" is no answer`, "SSH-2.0\n": "is no answer", strings.Repeat("x", 1<<20): "is no answer"} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			if c, err := listener.Accept(); err == nil {
				_, _ = io.WriteString(c, said)
				_ = c.(*net.TCPConn).CloseWrite()
				_, _ = io.Copy(io.Discard, c)
				_ = c.Close()
			}
		}()
		if got, err := get(netip.MustParseAddrPort(listener.Addr().String()), "/health"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("of %.9q: %q, %v", said, got, err)
		}
		listener.Close()
		if got, err := get(netip.MustParseAddrPort(listener.Addr().String()), "/health"); err == nil || !strings.Contains(err.Error(), "refused") {
			t.Errorf("of nobody: %q, %v", got, err)
		}
	}
}
