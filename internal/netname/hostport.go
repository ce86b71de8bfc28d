package netname

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

// HostPort checks that an address is HOST:PORT, and returns the host part. An address to listen on
// may have no host, and port 0. An error begins with the name of the setting.
func HostPort(setting, address string, listens bool) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", fmt.Errorf("%s %q: expected HOST:PORT", setting, address)
	}
	n, err := strconv.Atoi(port)
	if err != nil || n < 0 || n > 65535 || n == 0 && !listens {
		return "", fmt.Errorf("%s %q: %q is not a port", setting, address, port)
	}
	if host == "" && !listens {
		return "", fmt.Errorf("%s %q: names no host", setting, address)
	}
	if strings.ContainsAny(host, " \t/@") {
		return "", fmt.Errorf("%s %q: %q is not a host name", setting, address, host)
	}
	return host, nil
}
