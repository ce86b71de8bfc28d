package access

import (
	"crypto/tls"
	"testing"
)

// CertificateForTest is the certificate that a host with a ring secret presents.
func CertificateForTest(t testing.TB, secret string) tls.Certificate {
	t.Helper()
	c, err := RingSecret{secret}.certificate()
	if err != nil {
		t.Fatal(err)
	}
	return c
}
