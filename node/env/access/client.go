package access

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"chordconductor/internal/reload"
	"chordconductor/node/nodepb"
)

// ClientSettings are the settings of a client's flags for access. Names has the names of these
// flags, which differ between programs.
type ClientSettings struct {
	CertFile, KeyFile, CAFile string // CAFile alone verifies the host without a client certificate
	ServerPin                 string // pins separated by commas
	RingSecret                string // for a client that is itself a host, such as a health check
	Token                     string // for the key service
	Names                     FlagNames
	ReloadFailed              func(error) // called when a changed file cannot be used, so that the certificates stay; may be nil
}

// FlagNames are the names of flags in messages.
type FlagNames struct{ Cert, Key, CA, Pin, RingSecret, Token string }

// A Client proves the identity of a client to hosts, and verifies the hosts.
type Client struct {
	tls   func() *tls.Config // for the next connection; nil if connections are not encrypted
	token string
}

// NewClient checks the settings and loads the files. An error has one line and contains no secret.
func NewClient(s ClientSettings) (*Client, error) {
	n := s.Names
	secrets, err := ParseRingSecrets(n.RingSecret, s.RingSecret)
	if err != nil {
		return nil, err
	}
	pins, err := ParsePins(n.Pin, s.ServerPin)
	if err != nil {
		return nil, err
	}
	verifies := s.CAFile != "" || len(pins) > 0 || len(secrets) > 0
	switch {
	case (s.CertFile == "") != (s.KeyFile == ""):
		return nil, fmt.Errorf("%s and %s must be set together", n.Cert, n.Key)
	case s.CertFile != "" && s.CAFile == "" && len(pins) == 0:
		return nil, fmt.Errorf("%s needs %s or %s: without it no host is verified", n.Cert, n.CA, n.Pin)
	case len(secrets) > 0 && s.CertFile+s.CAFile != "":
		return nil, fmt.Errorf("%s and %s exclude each other", n.RingSecret, n.CA)
	case s.Token != "" && !verifies && n.RingSecret != "":
		return nil, fmt.Errorf("%s is sent only over TLS, to a verified host: give %s, %s or %s", n.Token, n.Pin, n.CA, n.RingSecret)
	case s.Token != "" && !verifies:
		return nil, fmt.Errorf("%s is sent only over TLS, to a verified host: give %s or %s", n.Token, n.Pin, n.CA)
	}
	for _, secret := range secrets {
		if s.Token != "" && same(secret.value, s.Token) {
			return nil, fmt.Errorf("%s is the ring secret, which no client may send; generate another", n.Token)
		}
	}
	if s.Token != "" {
		if err := CheckStrength(n.Token, s.Token); err != nil {
			return nil, err
		}
	}
	c := &Client{token: s.Token}
	switch {
	case len(secrets) > 0:
		return c, c.useRingSecret(secrets, pins)
	case s.CAFile != "" || len(pins) > 0:
		config, err := reload.New(s.ReloadFailed, func() (*tls.Config, error) { return s.config(pins) }, s.files()...)
		c.tls = config.Get
		return c, err
	}
	return c, nil
}

// files returns the files that the settings name.
func (s ClientSettings) files() (files []string) {
	for _, name := range []string{s.CertFile, s.KeyFile, s.CAFile} {
		if name != "" {
			files = append(files, name)
		}
	}
	return files
}

// config reads the files: CA certificates, or pins, or both, and the client's certificate if there
// is one.
func (s ClientSettings) config(pins []Pin) (*tls.Config, error) {
	cfg := pinnedConfig(pins)
	var pair tls.Certificate
	var err error
	switch {
	case s.CAFile != "":
		var roots *x509.CertPool
		if pair, roots, err = loadFiles(s.CertFile, s.KeyFile, s.CAFile); err != nil {
			return nil, err
		}
		cfg = &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: roots}
		if len(pins) > 0 {
			cfg.VerifyConnection = verifyPin(pins)
		}
	case s.CertFile != "":
		if pair, err = reload.LoadPair(s.CertFile, s.KeyFile); err != nil {
			return nil, fmt.Errorf("%s, %s: %w", s.Names.Cert, s.Names.Key, err)
		}
	}
	if pair.Leaf != nil {
		cfg.Certificates = []tls.Certificate{pair}
	}
	return cfg, nil
}

// useRingSecret makes the client present the ring's key, as a host of the ring does.
func (c *Client) useRingSecret(secrets []RingSecret, pins []Pin) error {
	own, err := secrets[0].certificate()
	if err != nil {
		return err
	}
	if len(pins) == 0 {
		if pins, err = Pins(secrets); err != nil {
			return err
		}
	}
	config := pinnedConfig(pins, own)
	c.tls = func() *tls.Config { return config }
	return nil
}

// Plain reports whether connections do not use TLS.
func (c *Client) Plain() bool { return c == nil || c.tls == nil }

// DialOptions returns the credentials of a connection to a host.
func (c *Client) DialOptions() []grpc.DialOption {
	if c.Plain() {
		return []grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials())}
	}
	options := []grpc.DialOption{grpc.WithTransportCredentials(reload.Credentials(c.tls))}
	if c.token != "" {
		options = append(options, grpc.WithPerRPCCredentials(clientToken{c.token}))
	}
	return options
}

// clientToken sends the token only with calls of the key service.
type clientToken struct{ value string }

func (t clientToken) GetRequestMetadata(ctx context.Context, uri ...string) (map[string]string, error) {
	if len(uri) != 1 || !strings.HasSuffix(uri[0], "/"+nodepb.KV_ServiceDesc.ServiceName) {
		return nil, nil
	}
	info, _ := credentials.RequestInfoFromContext(ctx)
	if err := credentials.CheckSecurityLevel(info.AuthInfo, credentials.PrivacyAndIntegrity); err != nil {
		return nil, errors.New("the client token is sent only over TLS")
	}
	return map[string]string{"authorization": "Bearer " + t.value}, nil
}

func (clientToken) RequireTransportSecurity() bool { return true }

// Format keeps the token out of messages, whatever the verb.
func (clientToken) Format(f fmt.State, _ rune) { fmt.Fprint(f, "(client token)") }
