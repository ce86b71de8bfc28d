package web

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"chordconductor/internal/certtest"
)

// The usual mistake, a request without TLS to a page over TLS, is answered with what is wrong; a request over TLS is
// answered with the page. Connections that send nothing exclude neither.
func TestPlainRequestToTLS(t *testing.T) {
	authority := certtest.New(t)
	files := authority.Issue("conductor", "127.0.0.1")
	pair, err := tls.LoadX509KeyPair(files.Cert, files.Key)
	if err != nil {
		t.Fatal(err)
	}
	pem, err := os.ReadFile(authority.File)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	const most = 10
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s, _ := newServer(t, func(c *Config) {
		c.TLS, c.Conns = &tls.Config{Certificates: []tls.Certificate{pair}}, most
		c.Page, c.Grace = l, time.Second
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots}}, Timeout: time.Minute}
	for range 3 {
		for range 2 * most {
			c, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
		}
		for _, request := range []string{"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "POST /api/nodes HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}"} {
			c, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(c, request); err != nil {
				t.Fatal(err)
			}
			r, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil {
				t.Fatalf("%.20q: %v", request, err)
			}
			text, _ := io.ReadAll(r.Body)
			if r.StatusCode != http.StatusBadRequest || !strings.Contains(string(text), "HTTPS") {
				t.Errorf("%.20q: %d %s", request, r.StatusCode, text)
			}
			c.Close()
		}
		r, err := client.Get("https://" + l.Addr().String() + "/healthz")
		if err != nil {
			t.Fatal(err)
		}
		if r.Body.Close(); r.StatusCode != http.StatusOK || r.Header.Get("Strict-Transport-Security") == "" || r.ProtoMajor != 1 {
			t.Errorf("over TLS: %d %v", r.StatusCode, r.Header)
		}
	}
}
