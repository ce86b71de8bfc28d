// Package hostauth authenticates node hosts to controllers, and controllers' commands to node hosts, by a token that
// both hold and that is never sent.
//
// The controller sends a fresh nonce and the address that it has dialled; the host answers with a
// nonce of its own and a MAC over both nonces, its advertised address and its instance
// (Host.Challenge). Only a host that holds the token can do this, and only for its own address, so
// a host that relays the exchange of another proves nothing. The controller then signs each command
// over the host's nonce, a counter and the bytes as sent (Session.Sign, Host.Verify). A host's
// nonce is valid for NonceTTL, and not after a restart; the clocks of the two sides are never
// compared.
//
// Both MACs are HMAC-SHA256 with a key derived from the token by HKDF; fields are length-prefixed.
// Answers to commands are not authenticated, and nothing is encrypted: where that matters, the
// connection must use TLS.
//
// It is used by node/service (the host's side) and conductor/lab/deploy/remote (the controller's).
// It does no I/O.
package hostauth
