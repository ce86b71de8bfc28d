package web

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"chordconductor/conductor/eventlog"
	"chordconductor/conductor/live"
	"chordconductor/conductor/memory"
	"chordconductor/conductor/ring"
	"chordconductor/otel/chordevent"
)

// manyEvents is a source whose feed is long.
type manyEvents struct{ fakeSource }

func (manyEvents) Events(_ uint64, limit int) []live.FeedEvent {
	out := make([]live.FeedEvent, limit)
	for i := range out {
		out[i] = live.FeedEvent{Seq: uint64(i + 1), Time: instant, Kind: chordevent.KindJoined, ID: idA, Digits: 2, Text: strings.Repeat("x", 400)}
	}
	return out
}

// Readers that do not receive their answers hold no more than the share for answers, and do not exclude others: the
// slowest are disconnected.
func TestAnswersAreBoundedInBytes(t *testing.T) {
	share := memory.NewShare("answers", 4<<20)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s, _ := newServer(t, func(c *Config) {
		c.Source, c.Answers = manyEvents{}, share
		c.Page, c.Grace = tightListener{l}, time.Second
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if share.Used() != 0 {
			t.Errorf("%d bytes are counted in the end", share.Used())
		}
	}()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true}, Timeout: 30 * time.Second}
	get := func(path string) (int, string) {
		resp, err := client.Get("http://" + l.Addr().String() + path)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		return resp.StatusCode, string(body)
	}
	for i := range 40 {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := c.(*net.TCPConn).SetReadBuffer(64 << 10); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(c, "GET /api/events?limit=%d HTTP/1.1\r\nHost: localhost\r\n\r\n", 2000+100*i)
		if share.Used() > share.Limit() {
			t.Fatalf("answers take %d bytes of %d", share.Used(), share.Limit())
		}
	}
	for range 5 {
		for _, path := range []string{"/healthz", "/api/stats", "/api/ring", "/api/events?limit=5000", "/"} {
			code, body := get(path)
			for begin := time.Now(); code == http.StatusServiceUnavailable && strings.HasPrefix(path, "/api/") && time.Since(begin) < time.Minute; {
				code, body = get(path) // again, as the answer requests: on a busy machine the other answers take their time
			}
			if code != http.StatusOK || len(body) == 0 {
				t.Errorf("%s: status %d with %d bytes", path, code, len(body))
			}
		}
	}
	code, body := get("/api/events?limit=10000")
	for begin := time.Now(); code == http.StatusServiceUnavailable && time.Since(begin) < time.Minute; {
		code, body = get("/api/events?limit=10000")
	}
	if code != http.StatusInsufficientStorage || !strings.Contains(body, "--memory") {
		t.Errorf("an answer that never fits: status %d, %.200s", code, body)
	}
}

// tightListener accepts connections with small buffers, so that a reader that receives nothing has an effect soon.
type tightListener struct{ net.Listener }

func (l tightListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		err = c.(*net.TCPConn).SetWriteBuffer(64 << 10)
	}
	return c, err
}

// Bodies of commands take memory of the share while they are received. If no memory is left for a body, the answer
// permits sending it again.
func TestBodiesAreBoundedInBytes(t *testing.T) {
	share := memory.NewShare("answers", 64<<10)
	s, _ := newServer(t, func(c *Config) { c.Answers = share })
	if r := ask(s, "POST", "/api/scenarios/check", strings.Repeat("#", 40<<10)); r.StatusCode != http.StatusServiceUnavailable || r.Header.Get("Retry-After") == "" {
		t.Errorf("a body for which there is no memory: %d, %s", r.StatusCode, text(t, r))
	}
	if r := ask(s, "POST", "/api/scenarios/check", strings.Repeat("#", 10<<10)); r.StatusCode == http.StatusServiceUnavailable {
		t.Errorf("a smaller one: %d, %s", r.StatusCode, text(t, r))
	}
	if share.Used() != 0 {
		t.Errorf("%d bytes are counted in the end", share.Used())
	}
}

// stuckEvents is a source whose feed takes as long to read as a test needs.
type stuckEvents struct {
	fakeSource
	inside, open chan struct{}
}

func (s stuckEvents) Events(uint64, int) []live.FeedEvent {
	s.inside <- struct{}{}
	<-s.open
	return nil
}

// Small answers do not wait for large ones.
func TestSmallAnswersDoNotWaitForLargeOnes(t *testing.T) {
	source := stuckEvents{inside: make(chan struct{}, 100), open: make(chan struct{})}
	s, _ := newServer(t, func(c *Config) { c.Source, c.Answers = source, memory.NewShare("answers", 4<<20) })
	var readers sync.WaitGroup
	for range 20 {
		readers.Go(func() { ask(s, http.MethodGet, "/api/events", "").Body.Close() })
	}
	<-source.inside
	for range 20 {
		resp := ask(s, http.MethodGet, "/api/stats", "")
		if resp.Body.Close(); resp.StatusCode != http.StatusOK {
			t.Fatalf("/api/stats: %d", resp.StatusCode)
		}
	}
	close(source.open)
	readers.Wait()
}

// blockedSource counts the answers being built at the same time, and lets none finish before a test allows it.
type blockedSource struct {
	fakeSource
	inside *atomic.Int32
	open   chan struct{}
}

func (s blockedSource) Events(uint64, int) []live.FeedEvent { s.wait(); return nil }

func (s blockedSource) Until(context.Context, time.Time, eventlog.Query) ([]eventlog.Event, *eventlog.Damage, error) {
	s.wait()
	return nil, nil, nil
}

func (s blockedSource) wait() {
	s.inside.Add(1)
	<-s.open
}

// However many requests arrive at the same time, however they are spelled, no more answers are built than there are
// slots: HEAD takes as much memory as GET, and a parameter is the same however it is encoded.
func TestNoRequestAvoidsTheSlots(t *testing.T) {
	for _, test := range []struct {
		method, path string
		most         func(*meter) int
	}{
		{"GET", "/api/events", func(m *meter) int { return cap(m.large) }},
		{"HEAD", "/api/events", func(m *meter) int { return cap(m.large) }},
		{"HEAD", "/api/events?limit=10", func(m *meter) int { return cap(m.large) }},
		{"GET", "/api/events?until=2026-01-31T12:00:00Z", func(m *meter) int { return cap(m.past) }},
		{"HEAD", "/api/events?until=2026-01-31T12:00:00Z", func(m *meter) int { return cap(m.past) }},
		{"GET", "/api/events?%75ntil=2026-01-31T12:00:00Z", func(m *meter) int { return cap(m.past) }},
		{"GET", "/api/ring/nodes/0123?%61t=2026-01-31T12:00:00Z", func(m *meter) int { return cap(m.past) }},
		{"HEAD", "/api/events?limit=10&unti%6c=2026-01-31T12:00:00Z", func(m *meter) int { return cap(m.past) }},
	} {
		t.Run(test.method+" "+test.path, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				source := blockedSource{inside: new(atomic.Int32), open: make(chan struct{})}
				m := newMeter(nil)
				s, err := New(Config{Source: source, Past: pastOf{source}, Assets: page, Open: true})
				if err != nil {
					t.Fatal(err)
				}
				var readers sync.WaitGroup
				for range 20 {
					readers.Go(func() {
						r := httptest.NewRequest(test.method, test.path, nil)
						r.Host = "localhost"
						s.ServeHTTP(httptest.NewRecorder(), r)
					})
				}
				synctest.Wait()
				if n := int(source.inside.Load()); n == 0 || n > test.most(m) {
					t.Errorf("%d answers are built at once, of %d allowed", n, test.most(m))
				}
				close(source.open)
				readers.Wait()
			})
		})
	}
}

// pastOf is the history of a blocked source.
type pastOf struct{ blockedSource }

func (p pastOf) Stats() eventlog.Stats {
	return eventlog.Stats{From: instant.Add(-time.Hour), To: instant}
}

func (p pastOf) At(context.Context, time.Time) (*ring.View, error) {
	p.wait()
	return p.View(), nil
}

func (p pastOf) Since(ctx context.Context, t time.Time, q eventlog.Query) ([]eventlog.Event, *eventlog.Damage, error) {
	return p.Until(ctx, t, q)
}

func (p pastOf) Damages() []eventlog.Damage { return nil }
