package hostauth

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
)

// NonceBytes is the length of a controller's nonce.
const NonceBytes = 32

// A Key is derived from the token; both sides have it.
type Key struct{ secret []byte }

// NewKey derives the key from a token.
func NewKey(token string) Key {
	// This fails only if the derived key is longer than HKDF can provide, or in FIPS mode for a
	// short token, which then must not be used.
	secret, err := hkdf.Key(sha256.New, []byte(token), nil, "chord.v1.Host commands", sha256.Size)
	if err != nil {
		panic("hostauth: " + err.Error())
	}
	return Key{secret}
}

// mac authenticates a list of fields. Each is preceded by its length, so that no two lists have the
// same encoding. The first field is the purpose of the MAC, so that a MAC for one purpose is not
// valid for another.
func (k Key) mac(fields ...[]byte) []byte {
	h := hmac.New(sha256.New, k.secret)
	for _, f := range fields {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(f)))) // never fails
		h.Write(f)
	}
	return h.Sum(nil)
}

func (k Key) host(controllerNonce, hostNonce []byte, address, instance string) []byte {
	return k.mac([]byte("host"), controllerNonce, hostNonce, []byte(address), []byte(instance))
}

func (k Key) command(hostNonce []byte, counter uint64, method string, request []byte) []byte {
	return k.mac([]byte("command"), hostNonce, binary.BigEndian.AppendUint64(nil, counter), []byte(method), request)
}

// ErrUnproven: a host does not hold the token, or its proof is not for the address that was
// dialled.
var ErrUnproven = errors.New("the host did not prove that it holds the token")

// Prove checks a host's answer to a challenge: the nonce that was sent, the address that was dialled, and the host's
// nonce, instance and MAC.
func (k Key) Prove(sent []byte, address string, nonce []byte, instance string, mac []byte) (*Session, error) {
	if len(nonce) == 0 || !hmac.Equal(mac, k.host(sent, nonce, address, instance)) {
		return nil, ErrUnproven
	}
	return &Session{key: k, nonce: nonce}, nil
}

// A Session signs commands to a host that has proven itself. The host accepts them only in the
// order in which they were signed, so a session sends one command at a time; concurrent commands
// need a session each. It is not safe for concurrent use.
type Session struct {
	key     Key
	nonce   []byte
	counter uint64
}

// Sign signs the next command.
func (s *Session) Sign(method string, request []byte) (nonce []byte, counter uint64, mac []byte) {
	s.counter++
	return s.nonce, s.counter, s.key.command(s.nonce, s.counter, method, request)
}
