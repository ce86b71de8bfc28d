// Package certtest makes certificate authorities and certificates for tests, as PEM files. Only tests import it.
package certtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// An Authority is a certificate authority (CA).
type Authority struct {
	t    testing.TB
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	File string // the PEM file of its certificate
}

// Files are the PEM files of a certificate and of its key.
type Files struct{ Cert, Key string }

// New makes a CA. Its files are removed when the test ends.
func New(t testing.TB) *Authority {
	t.Helper()
	a := &Authority{t: t, dir: t.TempDir()}
	a.File = filepath.Join(a.dir, "ca.pem")
	a.cert = a.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, Files{a.File, filepath.Join(a.dir, "ca.key")})
	return a
}

// Issue makes a certificate for client and server, with the given subject, and with names that are
// host names or IP addresses.
func (a *Authority) Issue(subject string, names ...string) Files {
	a.t.Helper()
	dir, err := os.MkdirTemp(a.dir, "")
	if err != nil {
		a.t.Fatal(err)
	}
	c := &x509.Certificate{
		Subject: pkix.Name{CommonName: subject}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			c.IPAddresses = append(c.IPAddresses, ip)
		} else {
			c.DNSNames = append(c.DNSNames, name)
		}
	}
	files := Files{filepath.Join(dir, "cert.pem"), filepath.Join(dir, "cert.key")}
	a.sign(c, files)
	return files
}

// sign completes a certificate, signs it and writes its files. The CA's own certificate is
// self-signed.
func (a *Authority) sign(c *x509.Certificate, files Files) *x509.Certificate {
	a.t.Helper()
	fail := func(err error) {
		if err != nil {
			a.t.Fatal(err)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	fail(err)
	c.SerialNumber = big.NewInt(time.Now().UnixNano())
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, parentKey := a.cert, a.key
	if parent == nil {
		parent, parentKey, a.key = c, key, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, parentKey)
	fail(err)
	keyDER, err := x509.MarshalECPrivateKey(key)
	fail(err)
	fail(os.WriteFile(files.Cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	fail(os.WriteFile(files.Key, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER}), 0o600))
	signed, err := x509.ParseCertificate(der)
	fail(err)
	return signed
}
