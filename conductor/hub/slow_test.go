package hub

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/coder/websocket"
	"google.golang.org/protobuf/proto"

	"chordconductor/conductor/hub/hubpb"
	"chordconductor/conductor/internal/otlptest"
	"chordconductor/conductor/live"
	"chordconductor/internal/polltest"
	"chordconductor/node/chord"
)

// tightListener accepts connections with small buffers, so that a client that does not read has an effect soon.
type tightListener struct{ net.Listener }

func (l tightListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		err = c.(*net.TCPConn).SetWriteBuffer(64 << 10)
	}
	return c, err
}

// tight returns a hub over a live view without a fold goroutine, so that only the test makes frames.
func tight(t *testing.T, members int, adjust func(*Hub)) (*Hub, string) {
	t.Helper()
	l, err := live.New(live.Config{})
	if err != nil {
		t.Fatal(err)
	}
	_, events := otlptest.Ring(members, 4, time.Now())
	if err := l.Offer(events, time.Now()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := l.Run(ctx); err != nil { // folds what is queued, and ends
		t.Fatal(err)
	}
	h, err := New(l, Config{})
	if err != nil {
		t.Fatal(err)
	}
	if adjust != nil {
		adjust(h)
	}
	server := httptest.NewUnstartedServer(h)
	server.Listener = tightListener{server.Listener}
	server.Start()
	t.Cleanup(func() {
		h.closeClients()
		server.Close()
	})
	return h, server.URL
}

func dialTight(t *testing.T, url string) *websocket.Conn {
	t.Helper()
	dialer := &net.Dialer{}
	transport := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := dialer.DialContext(ctx, network, addr)
		if err == nil {
			err = c.(*net.TCPConn).SetReadBuffer(64 << 10)
		}
		return c, err
	}}
	conn, _, err := websocket.Dial(t.Context(), url, &websocket.DialOptions{HTTPClient: &http.Client{Transport: transport}})
	if err != nil {
		t.Fatal(err)
	}
	conn.SetReadLimit(64 << 20)
	t.Cleanup(func() { conn.CloseNow() })
	return conn
}

func TestClientThatNeverReadsIsDropped(t *testing.T) {
	h, url := tight(t, 5000, nil) // the other client has the ten seconds too, to take a snapshot on a busy machine
	never := dialTight(t, url)
	send(t, never, hello("", 0))
	conn, _, err := websocket.Dial(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	conn.SetReadLimit(64 << 20)
	p := &page{t: t, conn: conn, rows: map[uint32]row{}, ids: map[chord.ID]uint32{}}
	send(t, p.conn, hello("", 0))
	p.until("the snapshot is there", func() bool { return len(p.rows) == 5000 })
	polltest.Until(t, "the one that never reads is dropped", func() bool { return h.Clients() == 1 })
	h.log.advance()
	p.until("the other goes on", func() bool { return p.patches == 1 })
}

func TestSlowClientGetsASnapshot(t *testing.T) {
	h, url := tight(t, 5000, nil)
	p := &page{t: t, conn: dialTight(t, url), rows: map[uint32]row{}, ids: map[chord.ID]uint32{}}
	send(t, p.conn, hello("", 0))
	p.next()
	// The client has read the first bytes of the snapshot and pauses. The rest does not fit into the buffers.
	_, snapshot, err := p.conn.Reader(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range maxLag + 5 {
		h.log.advance()
	}
	data, err := io.ReadAll(snapshot)
	if err != nil {
		t.Fatal(err)
	}
	var m hubpb.ServerMessage
	if err := proto.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	p.apply(&m)
	newest := h.log.since(0, 0, nil).seq
	p.until("it has caught up", func() bool { return p.seq == newest })
	if p.snapshots != 2 || p.patches != 0 {
		t.Errorf("%d snapshots and %d patches, want a second snapshot in place of %d patches", p.snapshots, p.patches, maxLag+5)
	}
	if p.ring.GetStatus() != hubpb.RingState_STATUS_IDEAL || len(p.rows) != 5000 {
		t.Errorf("the picture is %v with %d members", p.ring, len(p.rows))
	}
}

func TestGoneClientIsFoundOut(t *testing.T) {
	h, url := tight(t, 8, func(h *Hub) { h.pingEvery, h.writeTimeout = 50*time.Millisecond, 100*time.Millisecond })
	conn := dialTight(t, url) // it is connected, and takes memory until it is dropped
	send(t, conn, hello("", 0))
	polltest.Until(t, "it does not answer a ping, and is dropped", func() bool { return h.Clients() == 0 })
}

// The frames kept for clients that reconnect are bounded, whatever their number and size.
func TestFrameLogIsBounded(t *testing.T) {
	h, _ := tight(t, 8, nil)
	for range 2 * keepFrames {
		h.log.advance()
	}
	if n := len(h.log.frames); n != keepFrames {
		t.Errorf("%d frames kept, want %d", n, keepFrames)
	}
	for range 10 {
		h.log.mu.Lock()
		h.log.keep(frame{patch: h.log.hold(make([]byte, keepBytes/3))})
		h.log.mu.Unlock()
	}
	if h.log.bytes > keepBytes || len(h.log.frames) != 3 {
		t.Errorf("%d bytes in %d frames kept, want %d bytes at most", h.log.bytes, len(h.log.frames), keepBytes)
	}
	h.log.keep(frame{patch: h.log.hold(make([]byte, 2*keepBytes))})
	if len(h.log.frames) != 1 {
		t.Errorf("%d frames kept, want the newest however large", len(h.log.frames))
	}
}
