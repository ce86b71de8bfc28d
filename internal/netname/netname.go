package netname

import (
	"net"
	"net/netip"
	"slices"
	"strings"
)

// Serves reports whether hostport, a Host header, names this server: localhost, an IP address, or
// one of names, which are in lower case. If the DNS name of a foreign page is made to point to this
// server (DNS rebinding), a browser treats the page as one of this server, but the Host header has
// the page's name. An IP address cannot be rebound, so all are accepted.
func Serves(hostport string, names []string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || slices.Contains(names, host)
}
