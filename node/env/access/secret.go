package access

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math"
	"math/big"
	"strings"
	"time"
	"unicode"
)

// minBits is the least number of bits that a secret must be able to hold. An attacker that can
// connect to a host receives its public key, and can test guesses of the secret against it offline.
const minBits = 128

// maxSecrets bounds the ring secrets in use at the same time: the present one and, during a
// rotation, the next or the previous one.
const maxSecrets = 2

// maxSecret bounds the length of a secret, in bytes.
const maxSecret = 1 << 10

// A RingSecret is a secret that all hosts of a ring share. It prints as a placeholder.
type RingSecret struct{ value string }

// Format keeps the value out of messages, whatever the verb.
func (RingSecret) Format(f fmt.State, _ rune) { fmt.Fprint(f, "(ring secret)") }

// ParseRingSecrets reads one ring secret, or two separated by a comma. For an empty text it returns
// none. Errors do not contain the text.
func ParseRingSecrets(name, text string) ([]RingSecret, error) {
	if text == "" {
		return nil, nil
	}
	parts := strings.Split(text, ",")
	if len(parts) > maxSecrets {
		return nil, fmt.Errorf("%s: expected at most %d secrets, the one in use and another that is accepted, got %d", name, maxSecrets, len(parts))
	}
	secrets := make([]RingSecret, len(parts))
	for i, part := range parts {
		if err := CheckStrength(name, part); err != nil {
			return nil, err
		}
		secrets[i].value = part
	}
	if len(secrets) == 2 && same(secrets[0].value, secrets[1].value) {
		return nil, fmt.Errorf("%s: the two secrets are equal", name)
	}
	return secrets, nil
}

// CheckStrength refuses a secret that cannot hold 128 bits, or that a shell or an editor has
// visibly altered. The estimate is an upper bound: only a generated secret has its full strength.
// Errors do not contain the secret.
func CheckStrength(name, secret string) error {
	if strings.ContainsFunc(secret, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) {
		return fmt.Errorf("%s: contains white space or a control character; check its quotes and the end of its file", name)
	}
	if len(secret) > maxSecret {
		return fmt.Errorf("%s: expected at most %d bytes, got %d", name, maxSecret, len(secret))
	}
	if p := period(secret); p < len(secret) {
		if bits, kind := strength(secret[:p]); bits < minBits {
			return fmt.Errorf("%s: expected at least %d bits, got at most %d (%s, repeated); `openssl rand -hex 32` generates a good one",
				name, minBits, bits, kind)
		}
	}
	if bits, kind := strength(secret); bits < minBits {
		return fmt.Errorf("%s: expected at least %d bits, got at most %d (%s); `openssl rand -hex 32` generates a good one",
			name, minBits, bits, kind)
	}
	if n := different(secret); n < minDifferent {
		return fmt.Errorf("%s: expected at least %d different characters, got %d; `openssl rand -hex 32` generates a good one", name, minDifferent, n)
	}
	return nil
}

// period returns the length of the shortest part whose repetition makes the secret, or the secret's
// length if there is none. Secrets are short: see maxSecret.
func period(secret string) int {
	for p := 1; p <= len(secret)/2; p++ {
		if secret[p:] == secret[:len(secret)-p] {
			return p
		}
	}
	return len(secret)
}

// minDifferent is the least number of different bytes of a secret. Of the secrets of 39 random
// digits one in 10^9 has fewer.
const minDifferent = 6

func different(secret string) (n int) {
	var seen [256]bool
	for _, c := range []byte(secret) {
		if !seen[c] {
			seen[c] = true
			n++
		}
	}
	return n
}

// The characters that secrets consist of.
const (
	digits    = "0123456789"
	hexDigits = digits + "abcdefABCDEF"
	lower     = "abcdefghijklmnopqrstuvwxyz"
	upper     = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	separator = "-:._" // between groups of digits, as in a UUID
	base64    = lower + upper + digits + "+/=-_"
)

// alphabets are the usual alphabets of generated secrets, the smallest first.
var alphabets = []struct{ size, characters, kind string }{
	{digits, digits + separator, "digits"},
	{digits + "abcdef", hexDigits + separator, "hexadecimal digits"},
	{lower, lower, "letters of one case"},
	{lower, upper, "letters of one case"},
	{lower + digits, lower + digits, "letters of one case and digits"},
	{lower + digits, upper + digits, "letters of one case and digits"},
	{lower + upper, lower + upper, "letters"},
	{lower + upper + digits, lower + upper + digits, "letters and digits"},
	{lower + upper + digits + "+/", base64, "characters of base64"},
}

// strength returns the number of bits that a random secret of this length has in the smallest usual
// alphabet that contains all its characters, and a description of the secret's characters.
func strength(secret string) (bits int, kind string) {
	for _, a := range alphabets {
		if strings.Trim(secret, a.characters) != "" {
			continue
		}
		n := len(secret)
		if strings.HasSuffix(a.characters, separator) {
			n -= strings.Count(secret, "-") + strings.Count(secret, ":") + strings.Count(secret, ".") + strings.Count(secret, "_")
		}
		n -= strings.Count(secret, "=")
		return int(math.Log2(float64(len(a.size))) * float64(n)), fmt.Sprintf("%d %s", n, a.kind)
	}
	perByte, kind := 8.0, "bytes"
	if strings.IndexFunc(secret, func(r rune) bool { return r > unicode.MaxASCII }) < 0 {
		perByte, kind = math.Log2('~'-' '), "characters"
	}
	return int(perByte * float64(len(secret))), fmt.Sprintf("%d %s", len(secret), kind)
}

// key derives the ring's key pair. The label keeps the derivation apart from any other use of the secret.
func (s RingSecret) key() (ed25519.PrivateKey, error) {
	seed, err := hkdf.Key(sha256.New, []byte(s.value), nil, "chord ring secret: Ed25519 key of the ring's hosts, version 1", ed25519.SeedSize)
	if err != nil {
		return nil, fmt.Errorf("cannot derive the ring's key: %w", err)
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

// certificate returns the key pair in the form that TLS needs: a self-signed certificate without
// names that never expires, since peers check only the key.
func (s RingSecret) certificate() (tls.Certificate, error) {
	key, err := s.key()
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Chord ring"},
		NotBefore: time.Unix(0, 0), NotAfter: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), // RFC 5280: never expires
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("cannot make the certificate of the ring's key: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, err
}

// Pin returns the fingerprint of the public key, which clients may know.
func (s RingSecret) Pin() (Pin, error) {
	c, err := s.certificate()
	if err != nil {
		return Pin{}, err
	}
	return pinOf(c.Leaf), nil
}

// Pins returns the pin of each secret.
func Pins(secrets []RingSecret) ([]Pin, error) {
	pins := make([]Pin, len(secrets))
	for i, s := range secrets {
		var err error
		if pins[i], err = s.Pin(); err != nil {
			return nil, err
		}
	}
	return pins, nil
}
