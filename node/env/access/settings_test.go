package access_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"chordconductor/internal/certtest"
	"chordconductor/node/env/access"
)

const (
	secretA = "3f9c1d7e5b8a2046c7d1e09f5a6b8c43"
	secretB = "b7e151628aed2a6abf7158809cf4f3c7"
	secretC = "90fb1dfa5d3c4e8a7b6f0e2d9c8b7a61"
	token   = "a-client-token-of-some-length"
	control = "a-control-token-of-some-length"
)

// A host starts off loopback only if peers are authenticated, or if the user accepts that they are not.
func TestRequiredAuthentication(t *testing.T) {
	authority := certtest.New(t)
	loopback := []string{"127.0.0.1:7001", "127.8.9.10:7001", "[::1]:7001", "localhost:0", "LOCALHOST:7001", "a.localhost:7001", "[::ffff:127.0.0.1]:7001"}
	elsewhere := []string{"0.0.0.0:7001", "[::]:7001", ":7001", "10.1.2.3:7001", "host-a.example:7001", "128.0.0.1:7001", "localhost.example:7001", "[2001:db8::1]:7001", "[::ffff:10.0.0.1]:7001"}
	files := authority.Issue("host", "127.0.0.1", "localhost", "host-a.example", "10.1.2.3")
	modes := map[string]struct {
		s    access.Settings
		safe bool
	}{
		"nothing":      {access.Settings{}, false},
		"certificates": {access.Settings{CertFile: files.Cert, KeyFile: files.Key, CAFile: authority.File}, true},
		"secret":       {access.Settings{RingSecret: secretA}, true},
		"two secrets":  {access.Settings{RingSecret: secretA + "," + secretB}, true},
		"insecure":     {access.Settings{Insecure: true}, true},
	}
	for name, m := range modes {
		for _, listen := range append(loopback, elsewhere...) {
			for _, advertise := range append([]string{""}, append(loopback, elsewhere...)...) {
				exposed := contains(elsewhere, listen) || contains(elsewhere, advertise)
				err := m.s.Check(listen, advertise)
				if starts := m.safe || !exposed; (err == nil) != starts {
					t.Errorf("%s, --listen %s --advertise %q: starts %v, expected %v: %v", name, listen, advertise, err == nil, starts, err)
				}
				if err != nil {
					oneLine(t, err)
				}
			}
		}
	}
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

// oneLine requires that an error is one line and contains none of the secrets.
func oneLine(t *testing.T, err error, secrets ...string) {
	t.Helper()
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("several lines: %v", err)
	}
	for _, s := range append(secrets, secretA, secretB, secretC, token, control) {
		if s != "" && strings.Contains(err.Error(), s) {
			t.Errorf("the error contains the secret: %v", err)
		}
	}
}

// Each secret has one use and enough room for 128 bits, and exclusive settings are refused.
func TestRefusedSettings(t *testing.T) {
	certs := func(s access.Settings) access.Settings {
		s.CertFile, s.KeyFile, s.CAFile = "cert.pem", "cert.key", "ca.pem"
		return s
	}
	for name, test := range map[string]struct {
		s    access.Settings
		want string
	}{
		"half of the files":          {access.Settings{CertFile: "cert.pem"}, "must be set together"},
		"no authorities":             {access.Settings{CertFile: "cert.pem", KeyFile: "cert.key"}, "must be set together"},
		"secret and certificates":    {certs(access.Settings{RingSecret: secretA}), "exclude each other"},
		"insecure with a secret":     {access.Settings{Insecure: true, RingSecret: secretA}, "excludes"},
		"insecure with certificates": {certs(access.Settings{Insecure: true}), "excludes"},
		"three secrets":              {access.Settings{RingSecret: secretA + "," + secretB + "," + secretC}, "at most 2"},
		"one secret twice":           {access.Settings{RingSecret: secretA + "," + secretA}, "are equal"},
		"an empty second secret":     {access.Settings{RingSecret: secretA + ","}, "128"},
		"client token without TLS":   {access.Settings{ClientToken: token}, "only over TLS"},
		"client token, insecure":     {access.Settings{ClientToken: token, Insecure: true}, "only over TLS"},
		"client token is the secret": {access.Settings{RingSecret: secretA, ClientToken: secretA}, "--client-token is the ring secret"},
		"client token is the old":    {access.Settings{RingSecret: secretA + "," + secretB, ClientToken: secretB}, "--client-token is the ring secret"},
		"client token is control":    {access.Settings{RingSecret: secretA, ClientToken: control, ControlToken: control}, "--client-token is the control token"},
		"the same with certificates": {certs(access.Settings{ClientToken: control, ControlToken: control}), "--client-token is the control token"},
		"control token is a secret":  {access.Settings{RingSecret: secretA, ControlToken: secretA}, "--control-token is the ring secret"},
		"weak client token":          {access.Settings{RingSecret: secretA, ClientToken: "tide"}, "--client-token: expected at least 128 bits, got at most 18"},
	} {
		if err := test.s.Check("127.0.0.1:7001", ""); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		} else {
			oneLine(t, err)
		}
	}
}

// Secrets of all alphabets and lengths: accepted from 128 bits on, and never repeated in an error.
func TestStrength(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	const letters, capitals, digits = "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789"
	for alphabet, size := range map[string]float64{
		digits: 10, digits + "abcdef": 16, digits + "ABCDEF": 16, letters: 26, capitals: 26, letters + digits: 36, capitals + digits: 36,
		letters + capitals: 52, letters + capitals + digits: 62, letters + capitals + digits + "+/": 64, letters + capitals + digits + "-_": 64,
		letters + capitals + digits + "!#$%&'()*,;<>?@[]^`{|}~": 94, "käseöü€": 256,
	} {
		runes := []rune(alphabet)
		for range 2000 {
			var b strings.Builder
			for n := 1 + random.IntN(48); b.Len() < n; {
				b.WriteRune(runes[random.IntN(len(runes))])
			}
			secret := b.String()
			err := access.CheckStrength("--ring-secret", secret)
			if strong := float64(b.Len())*math.Log2(size) >= 128; err == nil && !strong {
				t.Fatalf("%d characters of %q are accepted", b.Len(), alphabet)
			} else if err != nil && strong && b.Len() > 45 { // shorter ones may by chance be of a smaller alphabet
				t.Fatalf("%d characters of %q: %v", b.Len(), alphabet, err)
			}
			if err != nil && len(secret) > 4 {
				oneLine(t, err, secret)
			}
		}
	}
	for secret, strong := range map[string]bool{
		"passwordpassword":                          false, // 75 bits
		"correct-horse-battery-staple-0":            true,  // by its form: that it consists of words cannot be detected
		"c2VjcmV0IG9mIDk2":                          false, // base64 of 96 bits
		"FqSgcxlMeQKTu0q6hB2nRw==":                  true,  // openssl rand -base64 16
		strings.Repeat("a", 200):                    false,
		strings.Repeat("0123", 20):                  false,
		strings.Repeat("0123456789", 5):             false,
		strings.Repeat("0123456789abcdef", 4)[:41]:  false, // not a whole number of times
		strings.Repeat("hunter2!", 16):              false,
		strings.Repeat("FqSgcxlMeQKTu0q6hB2nRw", 2): true,
		"7f1b6c0e-2d3a-4b5c-8d9e-0a1b2c3d4e5f":      true, // a UUID, at most
		"7f1b-6c0e-2d3a-4b5c-8d9e-0a1b-2c3d":        false,
		"123456-123456-123456-123456-123456-78901":  false,
	} {
		if err := access.CheckStrength("--ring-secret", secret); (err == nil) != strong {
			t.Errorf("%q: %v", secret, err)
		}
	}
	for _, space := range []string{" ", "\t", "\n", "\r", "\x00", "\u00a0"} {
		for _, secret := range []string{secretA + space, space + secretA, secretA[:8] + space + secretA[8:]} {
			if err := access.CheckStrength("--ring-secret", secret); err == nil || !strings.Contains(err.Error(), "white space") {
				t.Errorf("%q: %v", secret, err)
			} else {
				oneLine(t, err)
			}
		}
	}
	if err := access.CheckStrength("--ring-secret", strings.Repeat(secretA, 100)); err == nil {
		t.Error("a secret of 3 kB is accepted")
	}
}

// A certificate that does not name the advertised address is refused before peers refuse it.
func TestOwnCertificate(t *testing.T) {
	authority := certtest.New(t)
	for _, test := range []struct {
		names     []string
		advertise string
		ok        bool
	}{
		{[]string{"127.0.0.1"}, "127.0.0.1:7001", true},
		{[]string{"127.0.0.1"}, "127.0.0.2:7001", false},
		{[]string{"127.0.0.1"}, "localhost:7001", false},
		{[]string{"localhost"}, "LocalHost:7001", true},
		{[]string{"host-a.example", "host-b.example"}, "host-b.example:9", true},
		{[]string{"*.example"}, "host-b.example:9", true},
		{[]string{"*.example"}, "host.b.example:9", false},
		{[]string{"::1"}, "[::1]:7001", true},
		{nil, "127.0.0.1:7001", false},
	} {
		files := authority.Issue("127.0.0.1", test.names...)
		_, err := access.NewHost(access.Settings{CertFile: files.Cert, KeyFile: files.Key, CAFile: authority.File}, test.advertise)
		if (err == nil) != test.ok {
			t.Errorf("a certificate for %v, advertised as %s: %v", test.names, test.advertise, err)
		}
		if err != nil && !strings.Contains(err.Error(), strings.Split(test.advertise, ":")[0]) {
			t.Errorf("does not name the address: %v", err)
		}
	}
}

// The key of a secret is the same on every host and in every run, and printing a secret does not reveal it.
func TestPins(t *testing.T) {
	pins := map[string]string{}
	for _, text := range []string{secretA, secretB, secretC} {
		secrets, err := access.ParseRingSecrets("--ring-secret", text)
		if err != nil {
			t.Fatal(err)
		}
		pin, err := secrets[0].Pin()
		if err != nil {
			t.Fatal(err)
		}
		again, _ := secrets[0].Pin()
		if pin != again {
			t.Errorf("two derivations give %v and %v", pin, again)
		}
		if other, taken := pins[pin.String()]; taken {
			t.Errorf("%s and %s have one key", text, other)
		}
		pins[pin.String()] = text
		parsed, err := access.ParsePins("--server-pin", strings.ToUpper(pin.String()[7:]))
		if err == nil {
			t.Errorf("a pin without its prefix: %v", parsed)
		}
		parsed, err = access.ParsePins("--server-pin", " sha256:"+strings.ToUpper(pin.String()[7:])+" ,"+pin.String())
		if err != nil || len(parsed) != 2 || parsed[0] != pin || parsed[1] != pin {
			t.Errorf("%v, %v", parsed, err)
		}
		for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			if printed := fmt.Sprintf(format, secrets); strings.Contains(printed, text) || strings.Contains(printed, fmt.Sprintf("%x", text)) {
				t.Errorf("%s prints the secret: %s", format, printed)
			}
		}
	}
	// Version 1 of the derivation: another value would partition every ring at an upgrade.
	const want = "sha256:b7645bae6aabdcb90228fc07be8de0be2807af958027a85e06927c1cdf10867a"
	if pins[want] != secretA {
		t.Errorf("%v", pins)
	}
	for _, bad := range []string{"sha256:", "sha256:00", "sha1:" + strings.Repeat("0", 64), "sha256:" + strings.Repeat("x", 64), secretA, ","} {
		if _, err := access.ParsePins("--server-pin", bad); err == nil {
			t.Errorf("%q is a pin", bad)
		} else {
			oneLine(t, err)
		}
	}
}
