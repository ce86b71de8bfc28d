package web

import (
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// More connections than are allowed exclude no other if they do nothing or send no body: page, API and health checks
// are served. conductor/internal/connlimit tests answers that are not read.
func TestWaitingConnectionsExcludeNoOther(t *testing.T) {
	for name, request := range map[string]string{
		"nothing sent":  "",
		"no body":       "PUT /api/keys/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{",
		"body of a GET": "GET /api/ring HTTP/1.1\r\nHost: localhost\r\nContent-Length: 300000\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) { testShutNobodyOut(t, request) })
	}
}

func testShutNobodyOut(t *testing.T, request string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s, _ := newServer(t, func(c *Config) { c.Page, c.Grace = l, time.Second })
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	for range maxConnections + 100 {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		go func() { _, _ = io.WriteString(c, request) }() // ends when the connection does
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 30 * time.Second}
	for _, path := range []string{"/healthz", "/readyz", "/api/stats", "/api/ring", "/"} {
		resp, err := client.Get("http://" + l.Addr().String() + path)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s: status %d", path, resp.StatusCode)
		}
	}
}
