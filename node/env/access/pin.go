package access

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// A Pin is the fingerprint of a public key: SHA-256 of its SubjectPublicKeyInfo.
type Pin [sha256.Size]byte

const pinPrefix = "sha256:"

func (p Pin) String() string { return pinPrefix + hex.EncodeToString(p[:]) }

func pinOf(c *x509.Certificate) Pin { return sha256.Sum256(c.RawSubjectPublicKeyInfo) }

// maxPins bounds the pins of a client.
const maxPins = 16

// ParsePins reads pins separated by commas. For an empty text it returns none.
func ParsePins(name, text string) ([]Pin, error) {
	if text == "" {
		return nil, nil
	}
	parts := strings.Split(text, ",")
	if len(parts) > maxPins {
		return nil, fmt.Errorf("%s: expected at most %d pins, got %d", name, maxPins, len(parts))
	}
	pins := make([]Pin, len(parts))
	for i, part := range parts {
		digits, ok := strings.CutPrefix(strings.TrimSpace(part), pinPrefix)
		raw, err := hex.DecodeString(digits)
		if !ok || err != nil || len(raw) != len(pins[i]) {
			// The value is not repeated: a user who confuses two variables may have set a secret
			// here.
			return nil, fmt.Errorf("%s: pin %d: expected %s and %d hexadecimal digits, as a host prints them at its start", name, i+1, pinPrefix, 2*len(pins[i]))
		}
		copy(pins[i][:], raw)
	}
	return pins, nil
}

// pinned reports whether a key is one of the pins.
func pinned(pins []Pin, c *x509.Certificate) bool {
	found, key := 0, pinOf(c)
	for i := range pins {
		found |= subtle.ConstantTimeCompare(pins[i][:], key[:])
	}
	return found == 1
}

// verifyPin returns a check of the other end of a TLS connection: its public key must be one of the
// pins. TLS itself has verified that the other end holds the private key.
func verifyPin(pins []Pin) func(tls.ConnectionState) error {
	return func(state tls.ConnectionState) error {
		switch {
		case len(state.PeerCertificates) == 0:
			return errors.New("the host presented no certificate to compare with the pinned public key")
		case !pinned(pins, state.PeerCertificates[0]):
			return fmt.Errorf("the host's public key is %v, not the pinned one", pinOf(state.PeerCertificates[0]))
		}
		return nil
	}
}

// same compares secrets in a time that depends neither on where they differ nor on their lengths.
func same(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}
