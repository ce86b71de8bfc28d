package client

import (
	"chordconductor/internal/netname"
	"chordconductor/node/env/access"
)

// Config configures how a client reaches a host, verifies it and authenticates itself. Only Address
// is required; the other fields are for rings whose hosts use TLS. The client verifies the host by
// CAFile, ServerPin or RingSecret; without one of them the connection is not encrypted.
type Config struct {
	// Address of any host of the ring, HOST:PORT.
	Address string

	// CAFile names a PEM file with the CA certificates by which the host's certificate is verified.
	// CertFile and KeyFile, both or none, name the PEM files of the client's own certificate and
	// key; they need CAFile or ServerPin. Changed files are read again; open connections stay open.
	CAFile, CertFile, KeyFile string
	// ServerPin is the fingerprint of the host's public key: "sha256:" and 64 hexadecimal digits. A
	// host with a ring secret prints it, and `node pin` computes it. Up to 16 pins may be given,
	// separated by commas; one of them must be the host's.
	ServerPin string
	// RingSecret is the secret that all hosts of the ring share, of at least 128 bits; while it is
	// being replaced, "NEW,OLD". It is only for a client that is itself a host of the ring; other
	// clients set ServerPin and Token. It cannot be combined with CAFile or CertFile.
	RingSecret string
	// Token is the client token of the ring's hosts, for a client without a certificate. It is sent
	// only over TLS, only to a verified host, and only with calls of the key service.
	Token string

	// ReloadFailed is called when a changed file cannot be used, so that its previous content stays
	// in use. It must not block. If it is nil, failures are not reported.
	ReloadFailed func(error)
	// Names are the names of the settings in errors. An empty one is the name of the field of
	// Config.
	Names Names
}

// Names are the names of the settings in errors: the user of a program knows its flags or
// variables, not these fields.
type Names = access.FlagNames

// access checks the settings and loads the files. An error has one line and contains no secret.
func (c Config) access() (*access.Client, error) {
	if _, err := netname.HostPort("Address", c.Address, false); err != nil {
		return nil, err
	}
	return access.NewClient(access.ClientSettings{
		CertFile: c.CertFile, KeyFile: c.KeyFile, CAFile: c.CAFile, ServerPin: c.ServerPin, RingSecret: c.RingSecret, Token: c.Token,
		Names: c.Names, ReloadFailed: c.ReloadFailed,
	})
}

var fieldNames = Names{Cert: "CertFile", Key: "KeyFile", CA: "CAFile", Pin: "ServerPin", RingSecret: "RingSecret", Token: "Token"}
