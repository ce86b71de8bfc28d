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

// serve runs a server with a limit. Requests for /hold wait until the test releases them.
func serve(t *testing.T, most int) (l *Limiter, address string, held <-chan struct{}, release func()) {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l = New(most)
	entered, letGo := make(chan struct{}, 1000), make(chan struct{})
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/hold":
			entered <- struct{}{}
			<-letGo
		case "/body":
			_, _ = io.Copy(io.Discard, r.Body)
		case "/much":
			for {
				if _, err := w.Write(make([]byte, 1<<20)); err != nil {
					return
				}
			}
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

// stalls are ways to keep a connection without work.
var stalls = []struct {
	name string
	send func(t *testing.T, c net.Conn)
}{
	{"nothing sent", func(*testing.T, net.Conn) {}},
	{"a part of a header", func(_ *testing.T, c net.Conn) { fmt.Fprint(c, "GET / HTT") }},
	{"a request before", func(t *testing.T, c net.Conn) {
		if code := ask(t, c, "/"); code != 200 {
			t.Errorf("status %d", code)
		}
	}},
	{"a body that does not arrive", func(_ *testing.T, c net.Conn) {
		fmt.Fprint(c, "PUT /body HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n")
	}},
	{"a part of a body", func(_ *testing.T, c net.Conn) {
		fmt.Fprint(c, "PUT /body HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
	}},
	{"a body that is not read", func(_ *testing.T, c net.Conn) {
		fmt.Fprint(c, "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n")
	}},
	{"an answer that is not read", func(_ *testing.T, c net.Conn) { fmt.Fprint(c, "GET /much HTTP/1.1\r\nHost: x\r\n\r\n") }},
}

// However many idle connections there are, and for whatever reason they are idle, the next connection is served.
func TestWaitingConnectionsAreEvicted(t *testing.T) {
	const most = 20
	for n, stall := range stalls {
		t.Run(stall.name, func(t *testing.T) {
			l, address, _, _ := serve(t, most)
			crowd := func() {
				for range 3 * most {
					stall.send(t, dial(t, address))
				}
			}
			crowd()
			for range most {
				if code := ask(t, dial(t, address), "/"); code != 200 {
					t.Fatalf("after many such connections: status %d", code)
				}
			}
			for i := range 3 * most { // and with all other ways
				stalls[(n+i)%len(stalls)].send(t, dial(t, address))
			}
			for range most {
				if code := ask(t, dial(t, address), "/"); code != 200 {
					t.Fatalf("after many connections of all kinds: status %d", code)
				}
			}
			if l.Evicted() < 2*most {
				t.Errorf("%d connections were evicted", l.Evicted())
			}
		})
	}
}

// A request whose body arrives slowly, but arrives, is served while others that send nothing are evicted.
func TestASlowBodyIsReceived(t *testing.T) {
	const most = 50
	_, address, _, _ := serve(t, most)
	c := dial(t, address)
	fmt.Fprint(c, "PUT /body HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n")
	for range 50 {
		fmt.Fprint(c, "x")
		for range 5 { // so the connections that come meanwhile fill the limit five times
			if code := ask(t, dial(t, address), "/"); code != 200 {
				t.Fatalf("status %d", code)
			}
		}
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("the slow connection was closed: %v", err)
	}
	resp.Body.Close()
}

// When all connections are busy, health checks are still answered, and other requests are not.
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
		dial(t, address) // and sends nothing
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
			t.Fatalf("a busy connection was closed: %v", err)
		}
		resp.Body.Close()
	}
	if code := ask(t, dial(t, address), "/"); code != 200 {
		t.Errorf("afterwards: status %d", code)
	}
}
