package client

import (
	"chordconductor/internal/netname"
	"chordconductor/node/env/access"
)

// Config is how a client reaches a host, verifies it and proves itself. Only Address is required: the rest is for rings
// whose hosts use TLS. A host is verified by CAFile, ServerPin or RingSecret, and without one of them the connection is
// plain.
type Config struct {
	// Address of any host of the ring, HOST:PORT.
	Address string

	// CAFile names a file with the authorities whose certificates are accepted of the host (PEM). CertFile and KeyFile,
	// both or none, name those with the client's own certificate and key; they need CAFile or ServerPin. Files that change
	// are read again; connections that are open stay.
	CAFile, CertFile, KeyFile string
	// ServerPin is the fingerprint of the host's public key, "sha256:" and 64 hexadecimal digits, as a host with a ring
	// secret prints it and `node pin` computes it. Up to 16, with commas between: one of them must be the host's.
	ServerPin string
	// RingSecret is the ring's own secret, 128 bits or more, or two with a comma between: for a client that is a host of the
	// ring itself. It excludes CAFile and CertFile. Other clients have a pin and a token.
	RingSecret string
	// Token is the client token of the ring's hosts, for a client without a certificate. It is sent over TLS, to a verified
	// host and with calls of the key service only.
	Token string

	// ReloadFailed is called when a changed file cannot be used, so that the one before stays in use. It must not block.
	// Nil: not reported.
	ReloadFailed func(error)
	// Names are what errors call the settings. Zero: the fields of Config.
	Names Names
}

// Names are what errors call the settings, since a program's user knows flags or variables.
type Names = access.FlagNames

// access checks and loads the settings. An error is one line without any secret.
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
