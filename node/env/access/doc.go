// Package access decides which callers a host accepts, and how a host and its clients prove their identity.
//
// A host runs in one of three modes. Plain: no TLS and no credentials, for loopback and --insecure.
// Certificates: mutual TLS 1.3; what a peer states about itself must match the names on its
// certificate. Ring secret: TLS 1.3 with one key pair that all hosts of a ring derive from their
// common secret and pin in both directions. Clients of the key service that are not peers present a
// client certificate, or a bearer token over TLS.
//
// Package node/host makes a Host from its configuration and passes it to grpcenv; node/client and
// the conductor make a Client. The package opens no connection itself, and never prints or logs a
// secret.
package access
