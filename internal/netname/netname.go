package netname

import (
	"net"
	"net/netip"
	"slices"
	"strings"
)

// Serves reports whether a Host header names this server: localhost, an IP address or one of names, which are in lower
// case. To a browser, a page whose DNS name was made to point here has the origin of this server, but it cannot hide
// its name. An IP address cannot be rebound, so all of them are accepted.
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
