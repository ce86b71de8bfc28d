package access

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"strings"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"chordconductor/internal/reload"
)

type mode int

const (
	plain        mode = iota // no TLS, no credentials
	certificates             // mutual TLS
	ringSecret               // TLS with the ring's pinned key
)

// A Host proves the identity of one host to others, and has the requirements for its callers. The
// zero value is plain. It does not change after NewHost.
type Host struct {
	mode     mode
	server   func() *tls.Config // for the next connection; server and client are nil in plain mode
	client   func() *tls.Config
	pins     []Pin    // in mode ringSecret: the keys that a peer may have; the first is this host's own
	token    [32]byte // SHA-256 of the client token, so that a comparison takes the same time for tokens of all lengths
	hasToken bool
}

// NewHost loads the keys and files of Settings that Check has accepted. The certificate of a host
// with mutual TLS must name its advertised address.
func NewHost(s Settings, advertise string) (*Host, error) {
	h := &Host{hasToken: s.ClientToken != "", token: sha256.Sum256([]byte(s.ClientToken))}
	secrets, err := ParseRingSecrets("--ring-secret", s.RingSecret)
	if err != nil {
		return nil, err
	}
	switch {
	case s.certificates():
		return h, h.useCertificates(s, advertise)
	case len(secrets) > 0:
		return h, h.useRingSecret(secrets)
	}
	return h, nil
}

func (h *Host) useCertificates(s Settings, advertise string) error {
	name, _, err := net.SplitHostPort(advertise)
	if err != nil {
		return fmt.Errorf("advertised address %q: expected HOST:PORT", advertise)
	}
	type both struct{ server, client *tls.Config }
	configs, err := reload.New(s.ReloadFailed, func() (both, error) {
		pair, roots, err := loadFiles(s.CertFile, s.KeyFile, s.CAFile)
		if err != nil {
			return both{}, err
		}
		if err := pair.Leaf.VerifyHostname(name); err != nil {
			return both{}, fmt.Errorf("--tls-cert %s names %s, not the advertised %q: peers would refuse this host; give --advertise a name of the certificate", s.CertFile, namesOf(pair.Leaf), name)
		}
		server := &tls.Config{
			Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS13,
			ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: roots,
		}
		if h.hasToken { // a client without a certificate is checked at each call, by its token
			server.ClientAuth = tls.VerifyClientCertIfGiven
		}
		return both{server, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS13, RootCAs: roots}}, nil
	}, s.CertFile, s.KeyFile, s.CAFile)
	if err != nil {
		return err
	}
	h.mode = certificates
	h.server = func() *tls.Config { return configs.Get().server }
	h.client = func() *tls.Config { return configs.Get().client }
	return nil
}

func (h *Host) useRingSecret(secrets []RingSecret) (err error) {
	if h.pins, err = Pins(secrets); err != nil {
		return err
	}
	own, err := secrets[0].certificate()
	if err != nil {
		return err
	}
	h.mode = ringSecret
	// A caller need not have a certificate: Guard checks each call.
	server := &tls.Config{Certificates: []tls.Certificate{own}, MinVersion: tls.VersionTLS13, ClientAuth: tls.RequestClientCert}
	client := pinnedConfig(h.pins, own)
	h.server = func() *tls.Config { return server }
	h.client = func() *tls.Config { return client }
	return nil
}

// pinnedConfig returns a configuration that verifies a server only by its key, not by the names on
// its certificate.
func pinnedConfig(pins []Pin, own ...tls.Certificate) *tls.Config {
	return &tls.Config{
		Certificates: own, MinVersion: tls.VersionTLS13,
		InsecureSkipVerify: true, VerifyConnection: verifyPin(pins), // the key is compared in place of a chain and a name
	}
}

// ServerCredentials returns the credentials of the host's port; nil in plain mode.
func (h *Host) ServerCredentials() credentials.TransportCredentials {
	if h == nil || h.mode == plain {
		return nil
	}
	return reload.Credentials(h.server)
}

// PeerCredentials returns the credentials of connections to peers. With a ring secret or
// certificates these connections always use TLS.
func (h *Host) PeerCredentials() credentials.TransportCredentials {
	if h == nil || h.mode == plain {
		return insecure.NewCredentials()
	}
	return reload.Credentials(h.client)
}

// Pin returns the fingerprint of the ring's key, if there is one.
func (h *Host) Pin() (Pin, bool) {
	if len(h.pins) == 0 {
		return Pin{}, false
	}
	return h.pins[0], true
}

// loadFiles reads PEM files: a certificate with its key (none if the names are empty), and CA
// certificates.
func loadFiles(certFile, keyFile, caFile string) (pair tls.Certificate, roots *x509.CertPool, err error) {
	if certFile != "" {
		if pair, err = reload.LoadPair(certFile, keyFile); err != nil {
			return pair, nil, fmt.Errorf("cannot load TLS certificate %q and key %q: %w", certFile, keyFile, err)
		}
	}
	pem, err := reload.ReadFile(caFile)
	if err != nil {
		return pair, nil, fmt.Errorf("cannot read the CA file: %w", err)
	}
	roots = x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return pair, nil, fmt.Errorf("CA file %q: no certificate in PEM form", caFile)
	}
	return pair, roots, nil
}

const maxNames = 4 // names of a certificate that a message lists

// namesOf returns the names on a certificate as text for a message.
func namesOf(c *x509.Certificate) string {
	names := append([]string(nil), c.DNSNames...)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	switch n := len(names); {
	case n == 0:
		return fmt.Sprintf("no host (subject %.80q)", c.Subject.CommonName)
	case n > maxNames:
		names = append(names[:maxNames:maxNames], fmt.Sprintf("%d more", n-maxNames))
	}
	return fmt.Sprintf("%.200q", strings.Join(names, ", "))
}
