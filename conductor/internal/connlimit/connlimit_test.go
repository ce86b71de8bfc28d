package connlimit

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve runs a server with a limit. Requests for /hold wait until the test lets them go.
func serve(t *testing.T, most int) (l *Limiter, address string, held <-chan struct{}, release func()) {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l = New(most)
	entered, letGo := make(chan struct{}, 1000), make(chan struct{})
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hold" {
			entered <- struct{}{}
			<-letGo
		}
		fmt.Fprint(w, "ok")
	})
	full := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	s := &http.Server{
		ConnContext: l.ConnContext,
		Handler:     l.Handler(handler, full, func(r *http.Request) bool { return r.URL.Path == "/healthz" }),
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(l.Listen(inner))
	}()
	var once bool
	release = func() {
		if !once {
			once = true
			close(letGo)
		}
	}
	t.Cleanup(func() {
		release()
		s.Close()
		<-done
	})
	return l, inner.Addr().String(), entered, release
}

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// ask sends a request on a connection and returns the status of the answer; 0 if there is none.
func ask(t *testing.T, c net.Conn, path string) int {
	t.Helper()
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path); err != nil {
		return 0
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	return resp.StatusCode
}

// However many connections do nothing, the next one is served: ones that have sent nothing, a part of a header, or a
// request before.
func TestIdleConnectionsGiveWay(t *testing.T) {
	const most = 20
	l, address, _, _ := serve(t, most)
	for i := range 3 * most {
		c := dial(t, address)
		switch i % 3 {
		case 0:
			fmt.Fprint(c, "GET / HTT")
		case 1:
			if code := ask(t, c, "/"); code != 200 {
				t.Fatalf("connection %d: status %d", i, code)
			}
		}
	}
	for range most {
		if code := ask(t, dial(t, address), "/"); code != 200 {
			t.Fatalf("after many idle connections: status %d", code)
		}
	}
	if l.Evicted() < 2*most {
		t.Errorf("%d connections gave way", l.Evicted())
	}
}

// When all connections are busy, health is still answered, and nothing else is.
func TestHealthIsAlwaysAnswered(t *testing.T) {
	const most = 10
	_, address, held, release := serve(t, most)
	var busy []net.Conn
	for range most {
		c := dial(t, address)
		fmt.Fprint(c, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n")
		busy = append(busy, c)
		<-held
	}
	for range 3 * spares {
		dial(t, address) // and says nothing
	}
	for range 2 * spares {
		if code := ask(t, dial(t, address), "/healthz"); code != 200 {
			t.Fatalf("health: status %d", code)
		}
		if code := ask(t, dial(t, address), "/"); code != 503 {
			t.Fatalf("anything else: status %d", code)
		}
	}
	release()
	for _, c := range busy {
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil || resp.StatusCode != 200 {
			t.Fatalf("a busy connection was cut: %v", err)
		}
		resp.Body.Close()
	}
	if code := ask(t, dial(t, address), "/"); code != 200 {
		t.Errorf("afterwards: status %d", code)
	}
}
