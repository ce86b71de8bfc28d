package web

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// A pipeListener accepts connections in memory, which a synctest bubble permits.
type pipeListener struct {
	conns chan net.Conn
	ended chan struct{}
}

func (l pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.ended:
		return nil, net.ErrClosed
	}
}

func (l pipeListener) Close() error {
	select {
	case <-l.ended:
	default:
		close(l.ended)
	}
	return nil
}

func (l pipeListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 4321} }

// For every route, and a body of any size, sent at once or slowly: after the body was read an answer may take any time,
// and the connection then serves further requests; a body that does not arrive in time ends the request.
func TestTheDeadlineIsForTheBodyAlone(t *testing.T) {
	s, _ := newServer(t, nil)
	routes := s.table()
	rapid.Check(t, func(rt *rapid.T) {
		r := rapid.SampledFrom(routes).Draw(rt, "route")
		size := rapid.SampledFrom([]int{0, 0, 1, 100, 5000, 300_000}).Draw(rt, "bytes of the body")
		chunked := rapid.Bool().Draw(rt, "chunked")
		sending := time.Duration(rapid.IntRange(0, 60).Draw(rt, "seconds until the body is complete")) * time.Second
		waiting := time.Duration(rapid.IntRange(0, 300).Draw(rt, "seconds until the answer")) * time.Second
		if size == 0 && !chunked {
			sending = 0
		}
		if sending == bodyTimeout {
			sending++ // neither in time nor late
		}
		path := strings.NewReplacer("{id}", "0a", "{key}", "k").Replace(r.path)
		var err error
		synctest.Test(t, func(t *testing.T) {
			err = exchange(s, r.method, path, bytes.Repeat([]byte("x"), size), chunked, sending, waiting)
		})
		if err != nil {
			rt.Fatalf("%s %s: %v", r.method, path, err)
		}
	})
}

// exchange sends two requests, one after the other on one connection, to a handler that reads the body and then waits.
func exchange(like *Server, method, path string, body []byte, chunked bool, sending, waiting time.Duration) error {
	server := &Server{cfg: like.cfg}
	server.cfg.Conns = maxConnections
	server.cfg.Logf = nil
	server.handler = server.guard(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(r.Body)
		if err != nil {
			w.WriteHeader(http.StatusRequestTimeout)
			return
		}
		select {
		case <-time.After(waiting):
			fmt.Fprint(w, len(data))
		case <-r.Context().Done():
			w.WriteHeader(http.StatusTeapot)
		}
	}))
	ctx, cancel := context.WithCancel(context.Background())
	l := pipeListener{make(chan net.Conn), make(chan struct{})}
	server.cfg.Page, server.cfg.Grace = l, time.Second
	served := make(chan error, 1)
	go func() { served <- server.Run(ctx) }()
	ours, theirs := net.Pipe()
	l.conns <- theirs
	var senders sync.WaitGroup
	defer func() {
		ours.Close()
		senders.Wait()
		cancel()
		<-served
	}()
	in := bufio.NewReader(ours)
	for range 2 {
		senders.Go(func() { _ = sendSlowly(ours, method, path, body, chunked, sending) }) // fails when the connection ends
		answer, err := http.ReadResponse(in, &http.Request{Method: method})
		if err != nil {
			return err
		}
		text, err := io.ReadAll(answer.Body)
		switch {
		case err != nil:
			return err
		case sending > bodyTimeout:
			if answer.StatusCode != http.StatusRequestTimeout {
				return fmt.Errorf("a body that comes after %v is waited for: %s", sending, answer.Status)
			}
			return nil
		case answer.StatusCode != http.StatusOK || string(text) != fmt.Sprint(len(body)):
			return fmt.Errorf("an answer after %v: %s, %q", waiting, answer.Status, text)
		}
	}
	return nil
}

// sendSlowly writes a request whose body is complete after a time.
func sendSlowly(w io.Writer, method, path string, body []byte, chunked bool, sending time.Duration) error {
	length, last := fmt.Sprintf("Content-Length: %d", len(body)), body[len(body)/2:]
	first := body[:len(body)/2]
	if chunked {
		length, first, last = "Transfer-Encoding: chunked", chunkOf(first), append(chunkOf(last), "0\r\n\r\n"...)
	}
	_, err1 := fmt.Fprintf(w, "%s %s HTTP/1.1\r\nHost: localhost:4321\r\n%s\r\n\r\n%s", method, path, length, first)
	time.Sleep(sending)
	_, err2 := w.Write(last)
	return errors.Join(err1, err2)
}

func chunkOf(data []byte) []byte {
	if len(data) == 0 {
		return nil // it would be the end
	}
	return fmt.Appendf(nil, "%x\r\n%s\r\n", len(data), data)
}
