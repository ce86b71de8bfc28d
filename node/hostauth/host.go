package hostauth

import (
	"crypto/hmac"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	// NonceTTL is how long a host's nonce is valid.
	NonceTTL = 10 * time.Minute
	// maxSessions bounds the nonces in use that a host stores, some 100 bytes each. Only a caller
	// with the token can begin a session; at the bound further ones are refused until one has
	// expired.
	maxSessions = 1024

	issuedBytes, randomBytes, stampBytes = 8, 16, 16 // the parts of a host's nonce
)

// Errors with which a host refuses a challenge or a command. It does not execute the command.
var (
	ErrNonce   = errors.New("the challenge has expired, or the host has restarted since: challenge it again")
	ErrMAC     = errors.New("the signature does not fit the command: the token differs, or the command was altered")
	ErrOrder   = errors.New("a command with this counter or a greater one was received before: it is a replay, or arrived out of order")
	ErrCrowded = errors.New("too many sessions of controllers: try again in a few minutes")
)

// A Host is the host's part of the protocol. Its methods may be called from any goroutine.
type Host struct {
	key               Key
	address, instance string
	now               func() time.Time // returns the time, which never goes back
	random            func() uint64
	began             time.Time
	stamp             Key // a key of this process, which marks its nonces, so that none must be stored before its first use

	mu       sync.Mutex
	sessions map[string]session // by nonce; guarded by mu
}

// A session is the use of a nonce: commands with it were received.
type session struct {
	counter uint64 // of the last command received
	ends    time.Time
}

// NewHost returns the protocol's side of a host with the given advertised address; instance names
// this run of the host.
func NewHost(token, address, instance string, now func() time.Time, random func() uint64) *Host {
	h := &Host{
		key: NewKey(token), address: address, instance: instance, now: now, random: random, began: now(),
		sessions: make(map[string]session),
	}
	h.stamp.secret = h.fresh(nil, 32)
	return h
}

// fresh appends n random bytes to a slice; n must be a multiple of 8.
func (h *Host) fresh(to []byte, n int) []byte {
	for range n / 8 {
		to = binary.BigEndian.AppendUint64(to, h.random())
	}
	return to
}

// Challenge answers a controller that has dialled the given address. A challenge takes no memory of
// the host, so any number of them may be open.
func (h *Host) Challenge(controllerNonce []byte, address string) (nonce, mac []byte, err error) {
	if len(controllerNonce) != NonceBytes {
		return nil, nil, fmt.Errorf("nonce: expected %d bytes, got %d", NonceBytes, len(controllerNonce))
	}
	if address != h.address {
		return nil, nil, fmt.Errorf("this host is advertised as %s, not as %.80q", h.address, address)
	}
	nonce = binary.BigEndian.AppendUint64(nil, uint64(h.now().Sub(h.began)))
	nonce = h.fresh(nonce, randomBytes)
	nonce = append(nonce, h.stamp.mac(nonce)[:stampBytes]...)
	return nonce, h.key.host(controllerNonce, nonce, h.address, h.instance), nil
}

// Instance returns the name of this run of the host.
func (h *Host) Instance() string { return h.instance }

// Verify checks a command's signature. It accepts each command only once.
func (h *Host) Verify(nonce []byte, counter uint64, method string, request, mac []byte) error {
	ends, ok := h.end(nonce)
	if !ok {
		return ErrNonce
	}
	if !hmac.Equal(mac, h.key.command(nonce, counter, method, request)) {
		return ErrMAC
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	s, known := h.sessions[string(nonce)]
	switch {
	case counter <= s.counter:
		return ErrOrder
	case !known && !h.room():
		return ErrCrowded
	}
	h.sessions[string(nonce)] = session{counter, ends}
	return nil
}

// end returns the time at which a nonce of this process expires; ok is false if it has expired, or is not of this
// process.
func (h *Host) end(nonce []byte) (ends time.Time, ok bool) {
	const stamped = issuedBytes + randomBytes
	if len(nonce) != stamped+stampBytes || !hmac.Equal(nonce[stamped:], h.stamp.mac(nonce[:stamped])[:stampBytes]) {
		return time.Time{}, false
	}
	ends = h.began.Add(time.Duration(binary.BigEndian.Uint64(nonce)) + NonceTTL)
	return ends, h.now().Before(ends)
}

// room removes expired sessions, and reports whether another session fits into the bound. The caller holds h.mu.
func (h *Host) room() bool {
	now := h.now()
	for nonce, s := range h.sessions {
		if !now.Before(s.ends) {
			delete(h.sessions, nonce)
		}
	}
	return len(h.sessions) < maxSessions
}
