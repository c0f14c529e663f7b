package main

import (
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// forNetwork turns the variables for proxies, which mean what curl makes of
// them, into what the server's httpx understands: it ends a program at the
// first client that it cannot configure. Python's own urllib, requests, Node.js
// and Chromium understand that as well.
func (c *call) forNetwork(server environ) environ {
	through := false
	for _, name := range []string{"http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"} {
		value := server.get(name)
		if value == "" {
			continue
		}
		proxy, err := proxyAddress(value)
		if err != nil {
			fmt.Fprintf(c.stderr, "%s: the server goes without %s: %v\n", c.name, name, err)
			server = server.park(func(n, _ string) bool { return n != name })
			continue
		}
		server.replace(name, proxy)
		through = true
	}
	var set []string
	for _, name := range []string{"no_proxy", "NO_PROXY"} {
		if server.get(name) != "" {
			set = append(set, name)
		}
	}
	if len(set) == 0 && through {
		set = []string{"no_proxy"}
	}
	for _, name := range set {
		direct, dropped := directHosts(server.get(name))
		if len(dropped) > 0 {
			fmt.Fprintf(c.stderr, "%s: the server uses its proxy also for %s of %s, which its HTTP client does not know\n",
				c.name, strings.Join(dropped, ", "), name)
		}
		server.replace(name, direct)
	}
	return server
}

// A host as httpx takes it: a name, an IPv4 address, an IPv6 address in brackets.
var host = regexp.MustCompile(`^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])$`)

// proxyAddress is the URL of a proxy. curl takes an address without a scheme
// for http, and goes by the first four of its schemes like httpx.
func proxyAddress(value string) (string, error) {
	scheme, rest, ok := strings.Cut(strings.TrimSpace(value), "://")
	if !ok {
		scheme, rest = "http", strings.TrimSpace(value)
	}
	switch scheme = strings.ToLower(scheme); scheme {
	case "http", "https", "socks5", "socks5h":
	default:
		return "", fmt.Errorf("its HTTP client knows no proxies of the kind %s, but socks5", scheme)
	}
	authority, _, _ := strings.Cut(rest, "/")
	if strings.ContainsFunc(authority, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '?' || r == '#' }) {
		// Not shown: it may hold a password.
		return "", fmt.Errorf("it is no address of a proxy, as http://HOST:PORT")
	}
	address := authority[strings.LastIndex(authority, "@")+1:]
	name, port := address, ""
	if i := strings.LastIndex(address, ":"); i > strings.LastIndex(address, "]") {
		name, port = address[:i], address[i+1:]
	}
	if !host.MatchString(name) || !validLiteral(name) || port != "" && !isPort(port) {
		return "", fmt.Errorf("it is no address of a proxy, as http://HOST:PORT")
	}
	return scheme + "://" + authority, nil
}

// dotted is what httpx takes for an IPv4 address; the dots of its expression
// stand for any character.
var dotted = regexp.MustCompile(`^[0-9]+.[0-9]+.[0-9]+.[0-9]+$`)

// validLiteral reports whether what is written like an address is one.
func validLiteral(name string) bool {
	literal, six := strings.CutPrefix(name, "[")
	if !six && !dotted.MatchString(name) {
		return true
	}
	address, err := netip.ParseAddr(strings.TrimSuffix(literal, "]"))
	return err == nil && address.Is6() == six
}

// loopback never lies behind a proxy.
var loopback = []string{"localhost", "127.0.0.1", "::1"}

// directHosts is a list of hosts that no proxy is used for, in the form that
// httpx takes, and the entries of the given one that it has no form for. curl
// separates them by commas or spaces.
func directHosts(list string) (hosts string, dropped []string) {
	var kept []string
	for _, entry := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r <= ' ' }) {
		if entry == "*" {
			return "*", nil
		}
		if direct, ok := directHost(entry); ok {
			kept = append(kept, direct)
		} else {
			dropped = append(dropped, strconv.QuoteToASCII(entry))
		}
	}
	for _, own := range loopback {
		if !strings.Contains(","+strings.Join(kept, ",")+",", ","+own+",") {
			kept = append(kept, own)
		}
	}
	return strings.Join(kept, ","), dropped
}

func directHost(entry string) (string, bool) {
	bare := strings.TrimSuffix(strings.TrimPrefix(entry, "["), "]")
	if address, err := netip.ParseAddr(bare); err == nil {
		return bare, address.Zone() == ""
	}
	if network, err := netip.ParsePrefix(entry); err == nil {
		return entry, network.Addr().Is4()
	}
	name, port, _ := strings.Cut(strings.TrimPrefix(entry, "*"), ":")
	return strings.TrimPrefix(entry, "*"), host.MatchString(name) && name[0] != '[' && (port == "" || isPort(port))
}
