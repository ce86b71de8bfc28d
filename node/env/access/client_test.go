package access_test

import (
	"strings"
	"testing"

	"chordconductor/internal/certtest"
	"chordconductor/node/env/access"
)

// What a client's flags can say, in all combinations: it is refused exactly if a host would go unverified, a token would
// travel without TLS or serve two purposes, or two flags exclude each other.
func TestClientSettings(t *testing.T) {
	authority := certtest.New(t)
	files := authority.Issue("alice")
	secrets, err := access.ParseRingSecrets("--ring-secret", secretA)
	if err != nil {
		t.Fatal(err)
	}
	pin, err := secrets[0].Pin()
	if err != nil {
		t.Fatal(err)
	}
	names := access.FlagNames{Cert: "--tls-cert", Key: "--tls-key", CA: "--tls-ca", Pin: "--server-pin", RingSecret: "--ring-secret", Token: "--client-token"}
	for choice := range 1 << 6 {
		has := func(i int) bool { return choice>>i&1 == 1 }
		s := access.ClientSettings{Names: names}
		if has(0) {
			s.CertFile = files.Cert
		}
		if has(1) {
			s.KeyFile = files.Key
		}
		if has(2) {
			s.CAFile = authority.File
		}
		if has(3) {
			s.ServerPin = pin.String()
		}
		if has(4) {
			s.RingSecret = secretA
		}
		if has(5) {
			s.Token = token
		}
		cert, verifies := has(0), has(2) || has(3) || has(4)
		bad := has(0) != has(1) || cert && !has(2) && !has(3) || has(4) && (cert || has(2)) || has(5) && !verifies
		c, err := access.NewClient(s)
		if (err != nil) != bad {
			t.Errorf("%+v: %v", s, err)
		}
		if err != nil {
			oneLine(t, err)
		} else if c.Plain() == verifies {
			t.Errorf("%+v: plain %v", s, c.Plain())
		}
	}
	for name, test := range map[string]struct {
		s    access.ClientSettings
		says string
	}{
		"the token is the secret": {access.ClientSettings{RingSecret: secretA, Token: secretA}, "is the ring secret"},
		"a weak token":            {access.ClientSettings{ServerPin: pin.String(), Token: "tide"}, "32 bits at most"},
		"a weak secret":           {access.ClientSettings{RingSecret: "tide"}, "32 bits at most"},
		"no pin":                  {access.ClientSettings{ServerPin: secretA}, "--server-pin: pin 1"},
		"no such file":            {access.ClientSettings{CAFile: "/no/such.pem"}, "/no/such.pem"},
		"no certificate":          {access.ClientSettings{CAFile: files.Key}, "no certificate"},
	} {
		test.s.Names = names
		if _, err := access.NewClient(test.s); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v", name, err)
		} else {
			oneLine(t, err)
		}
	}
}
