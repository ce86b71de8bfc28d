package access

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// Settings are the settings of a host's flags for access.
type Settings struct {
	CertFile, KeyFile, CAFile string      // mutual TLS: PEM files, all or none
	RingSecret                string      // one secret, or two separated by a comma: the first is used, both are accepted
	Insecure                  bool        // no authentication although other machines reach the host
	ClientToken               string      // for clients of the key service that have no certificate; empty if they have no access
	ControlToken              string      // used by another service; here only to compare it with the other secrets
	ReloadFailed              func(error) // called when a changed file cannot be used, so that the certificates stay; may be nil
}

// OnLoopback reports whether an address can only be reached from this machine: HOST:PORT with a
// loopback address or localhost. Other names are not resolved: their addresses may change.
func OnLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

func (s Settings) certificates() bool { return s.CertFile != "" || s.KeyFile != "" || s.CAFile != "" }

// Check validates the settings of a host with the given listen address and advertised address
// (empty if they are the same). An error has one line and contains no secret.
func (s Settings) Check(listen, advertise string) error {
	secrets, err := ParseRingSecrets("--ring-secret", s.RingSecret)
	if err != nil {
		return err
	}
	switch {
	case s.certificates() && (s.CertFile == "" || s.KeyFile == "" || s.CAFile == ""):
		return errors.New("--tls-cert, --tls-key and --tls-ca must be set together")
	case s.certificates() && len(secrets) > 0:
		return errors.New("--ring-secret and --tls-cert exclude each other: peers authenticate by a secret or by certificates")
	case s.Insecure && (s.certificates() || len(secrets) > 0):
		return errors.New("--insecure excludes --ring-secret and --tls-cert: with them peers are authenticated")
	}
	exposed := listen
	if OnLoopback(listen) {
		exposed = advertise
	}
	if exposed != "" && !OnLoopback(exposed) && !s.Insecure && !s.certificates() && len(secrets) == 0 {
		return fmt.Errorf("%s is reachable from other machines, and peers would be unauthenticated: give --ring-secret (CHORD_RING_SECRET), or --tls-cert, --tls-key and --tls-ca; or --insecure to accept that", exposed)
	}
	return s.checkTokens(secrets)
}

// checkTokens requires that each secret has only one use, since a party with one secret must not
// get the access of another.
func (s Settings) checkTokens(secrets []RingSecret) error {
	for _, secret := range secrets {
		if s.ControlToken != "" && same(secret.value, s.ControlToken) {
			return errors.New("--control-token is the ring secret: a controller must not be able to act as a peer; generate another")
		}
		if s.ClientToken != "" && same(secret.value, s.ClientToken) {
			return errors.New("--client-token is the ring secret: a client must not be able to act as a peer; generate another")
		}
	}
	if s.ClientToken == "" {
		return nil
	}
	if !s.certificates() && len(secrets) == 0 {
		return errors.New("--client-token (CHORD_CLIENT_TOKEN) is accepted only over TLS: give --ring-secret, or --tls-cert, --tls-key and --tls-ca")
	}
	if s.ControlToken != "" && same(s.ClientToken, s.ControlToken) {
		return errors.New("--client-token is the control token: a client must not be able to command the host; generate another")
	}
	return CheckStrength("--client-token", s.ClientToken)
}
