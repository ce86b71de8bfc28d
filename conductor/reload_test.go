package main

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"chordconductor/conductor/ingest"
	"chordconductor/internal/certtest"
	"chordconductor/internal/freeport"
	"chordconductor/internal/polltest"
)

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// presented returns the certificate of a TLS server. The client presents the certificate in files (without names:
// none). With TLS 1.3 a rejection arrives when the first byte is read.
func presented(address string, files certtest.Files) (*x509.Certificate, error) {
	cfg := &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2", "http/1.1"}} // the test checks the certificate itself
	if files.Cert != "" {
		pair, err := tls.LoadX509KeyPair(files.Cert, files.Key)
		if err != nil {
			return nil, err
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	c, err := tls.DialWithDialer(&net.Dialer{Timeout: 20 * time.Second}, "tcp", address, cfg)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return nil, err
	}
	if c.ConnectionState().NegotiatedProtocol != "h2" { // with h2 the server sends first
		if _, err := io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
			return nil, err
		}
	}
	if _, err := c.Read(make([]byte, 1)); err != nil {
		return nil, err
	}
	return c.ConnectionState().PeerCertificates[0], nil
}

func leafOf(t *testing.T, files certtest.Files) *x509.Certificate {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(files.Cert, files.Key)
	if err != nil {
		t.Fatal(err)
	}
	return pair.Leaf
}

// When the certificate of the page and the OTLP ports, or the CA certificates for senders, change in their files, the
// running conductor uses the new ones.
func TestCertificatesAreReloaded(t *testing.T) {
	first, second := certtest.New(t), certtest.New(t)
	dir := t.TempDir()
	files := certtest.Files{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
	ca := filepath.Join(dir, "ca.pem")
	before, after := first.Issue("conductor", "127.0.0.1"), second.Issue("conductor", "127.0.0.1")
	install := func(pair certtest.Files, authority string) {
		copyFile(t, pair.Cert, files.Cert)
		copyFile(t, pair.Key, files.Key)
		copyFile(t, authority, ca)
	}
	install(before, first.File)
	ports := []string{freeport.Address(t), freeport.Address(t)}
	r := runConductor(t, "--otlp-grpc", ports[0], "--otlp-http", ports[1], "--scenario", "none", "--tls-cert", files.Cert, "--tls-key", files.Key, "--tls-client-ca", ca)
	page := regexp.MustCompile(`https://([^/]+)/`).FindStringSubmatch(r.url)
	if page == nil {
		t.Fatalf("banner with %q", r.url)
	}
	oldSender, newSender := first.Issue("sender", "sender"), second.Issue("sender", "sender")
	for _, port := range ports {
		if got, err := presented(port, oldSender); err != nil || !got.Equal(leafOf(t, before)) {
			t.Errorf("%s before: %v", port, err)
		}
		if _, err := presented(port, newSender); err == nil {
			t.Errorf("%s: a sender of another authority is accepted", port)
		}
	}
	install(after, second.File)
	polltest.Until(t, "the page presents the new certificate", func() bool {
		got, err := presented(page[1], certtest.Files{})
		return err == nil && got.Equal(leafOf(t, after))
	})
	for _, port := range ports {
		polltest.Until(t, port+" presents the new certificate to senders of the new authority alone", func() bool {
			got, err := presented(port, newSender)
			_, old := presented(port, oldSender)
			return err == nil && got.Equal(leafOf(t, after)) && old != nil
		})
	}
	if err := os.WriteFile(files.Cert, []byte("not a certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); { // longer than the interval between two checks of the files
		if got, err := presented(page[1], certtest.Files{}); err != nil || !got.Equal(leafOf(t, after)) {
			t.Fatalf("the page with a broken file: %v", err)
		}
		for _, port := range ports {
			if got, err := presented(port, newSender); err != nil || !got.Equal(leafOf(t, after)) {
				t.Fatalf("%s with a broken file: %v", port, err)
			}
		}
	}
}

// Members in this process continue to send while the conductor's certificate is replaced, and send to no other server.
func TestTrustOwn(t *testing.T) {
	authority := certtest.New(t)
	before, after, other := authority.Issue("a", "127.0.0.1"), authority.Issue("b", "127.0.0.1"), authority.Issue("c", "127.0.0.1")
	dir := t.TempDir()
	files := ingest.TLS{CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "key.pem")}
	copyFile(t, before.Cert, files.CertFile)
	copyFile(t, before.Key, files.KeyFile)
	cfg, err := trustOwn(files)
	if err != nil {
		t.Fatal(err)
	}
	trusts := func(f certtest.Files) bool {
		return cfg.VerifyConnection(tls.ConnectionState{PeerCertificates: []*x509.Certificate{leafOf(t, f)}}) == nil
	}
	if !trusts(before) || trusts(after) || trusts(other) {
		t.Error("before the exchange")
	}
	copyFile(t, after.Cert, files.CertFile)
	copyFile(t, after.Key, files.KeyFile)
	polltest.Until(t, "the new certificate is trusted", func() bool { return trusts(after) })
	if !trusts(before) || trusts(other) {
		t.Error("after the exchange")
	}
}
