package hub

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/coder/websocket"
	"google.golang.org/protobuf/proto"

	"chordconductor/conductor/hub/hubpb"
	"chordconductor/conductor/internal/otlptest"
	"chordconductor/conductor/live"
	"chordconductor/conductor/memory"
	"chordconductor/internal/polltest"
)

// greet connects a client and sends Hello. Afterwards the client reads only what the test reads.
func greet(t *testing.T, url string) *websocket.Conn {
	t.Helper()
	conn := dialTight(t, url)
	m, err := proto.Marshal(&hubpb.ClientMessage{Message: &hubpb.ClientMessage_Hello{Hello: &hubpb.Hello{}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Write(t.Context(), websocket.MessageBinary, m); err != nil {
		t.Fatal(err)
	}
	return conn
}

// Clients that never read hold no more than the memory share for clients: they are disconnected, the slowest first, and
// a client that reads is served throughout. Each client connects at a different frame, so that each would hold a
// snapshot of its own.
func TestClientsAreBoundedInBytes(t *testing.T) {
	const members = 8000
	share := memory.NewShare("clients", 6<<20)
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
	if err := l.Run(ctx); err != nil {
		t.Fatal(err)
	}
	h, err := New(l, Config{Memory: share})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(h)
	server.Listener = tightListener{server.Listener}
	server.Start()
	t.Cleanup(func() {
		h.closeClients()
		server.Close()
		if h.log.letGo(h.log.snapshot); share.Used() != int64(h.log.bytes) {
			t.Errorf("%d bytes are counted when all have gone, and %d are kept", share.Used(), h.log.bytes)
		}
	})

	var peak int64
	for range 30 {
		greet(t, server.URL)
		h.log.advance()
		peak = max(peak, share.Used())
		reader := greet(t, server.URL)
		got := 0
		for got < 2 { // the welcome, and a snapshot
			if _, _, err := reader.Read(t.Context()); err != nil {
				t.Fatalf("the client that reads: %v", err)
			}
			got++
		}
		reader.CloseNow()
	}
	one := int64(members * 100) // about a snapshot
	if peak > share.Limit()+3*one {
		t.Errorf("clients take %d bytes of %d", peak, share.Limit())
	}
	held := int64(0)
	for _, m := range h.log.frames {
		held += int64(len(m.patch.data))
	}
	if held != int64(h.log.bytes) || held > share.Limit()/8 && len(h.log.frames) > 1 {
		t.Errorf("the frames kept have %d bytes, not %d", held, h.log.bytes)
	}
}

// Clients that never read do not exclude others: the next client gets the slot of one of them.
func TestStalledClientsLoseTheirSlots(t *testing.T) {
	h, url := tight(t, 5000, func(h *Hub) { h.slots = make(chan struct{}, 2) })
	greet(t, url)
	greet(t, url)
	polltest.Until(t, "both have slots", func() bool { return len(h.slots) == 2 })
	polltest.Until(t, "one of them is stalled", func() bool {
		resp, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode != http.StatusServiceUnavailable // 426: it got a slot, and is not a WebSocket client
	})
	third := greet(t, url)
	for range 2 {
		if _, _, err := third.Read(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// The number of slots depends on the memory.
func TestSlotsFollowMemory(t *testing.T) {
	for limit, want := range map[int64]int{1 << 10: minSlots, 10 << 20: 71, 1 << 30: defaultMaxClients} {
		c := Config{Memory: memory.NewShare("clients", limit), MaxClients: defaultMaxClients}
		if got := c.clientsIn(); got != want {
			t.Errorf("in %d bytes: %d clients, want %d", limit, got, want)
		}
	}
}
