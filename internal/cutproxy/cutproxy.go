// Package cutproxy forwards TCP connections to a server, and breaks them when a test calls Cut.
package cutproxy

import (
	"io"
	"net"
	"sync"
	"testing"
)

// A Proxy forwards connections to a server. It is closed when its test ends.
type Proxy struct {
	listener net.Listener

	mu    sync.Mutex
	to    string
	open  map[net.Conn]bool // both ends of each connection
	ended bool
	work  sync.WaitGroup
}

// Listen starts a proxy on loopback. The caller must set the server's address with To before
// connections are made.
func Listen(t testing.TB) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{listener: l, open: map[net.Conn]bool{}}
	p.work.Go(p.accept)
	t.Cleanup(p.close)
	return p
}

// Address returns the address on which the proxy listens.
func (p *Proxy) Address() string { return p.listener.Addr().String() }

// To sets the server's address for later connections.
func (p *Proxy) To(address string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.to = address
}

// Cut breaks all connections, and returns how many there were.
func (p *Proxy) Cut() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.open) / 2
	for c := range p.open {
		c.Close()
	}
	clear(p.open)
	return n
}

func (p *Proxy) accept() {
	for {
		from, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.work.Go(func() { p.pass(from) })
	}
}

func (p *Proxy) pass(from net.Conn) {
	p.mu.Lock()
	to := p.to
	p.mu.Unlock()
	server, err := net.Dial("tcp", to)
	if err != nil {
		from.Close()
		return
	}
	p.mu.Lock()
	ended := p.ended
	if !ended {
		p.open[from], p.open[server] = true, true
	}
	p.mu.Unlock()
	var both sync.WaitGroup
	copyTo := func(to, from net.Conn) {
		io.Copy(to, from)
		to.Close()
		from.Close()
	}
	if !ended {
		both.Go(func() { copyTo(server, from) })
		copyTo(from, server)
		both.Wait()
	}
	from.Close()
	server.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, from)
	delete(p.open, server)
}

func (p *Proxy) close() {
	p.mu.Lock()
	p.ended = true
	p.mu.Unlock()
	p.listener.Close()
	p.Cut()
	p.work.Wait()
}
