package hub

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"google.golang.org/protobuf/proto"

	"chordconductor/conductor/hub/hubpb"
	"chordconductor/conductor/internal/otlptest"
	"chordconductor/conductor/live"
	"chordconductor/internal/polltest"
	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// A stage is a hub that shows a live view, behind a real HTTP server.
type stage struct {
	live   *live.Live
	hub    *Hub
	server *httptest.Server
	url    string
	stop   context.CancelFunc
	ended  chan struct{} // the hub's Run has returned
}

func newStage(t *testing.T, cfg Config, adjust func(*Hub)) *stage {
	t.Helper()
	l, err := live.New(live.Config{Epoch: "one"})
	if err != nil {
		t.Fatal(err)
	}
	h, err := New(l, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if adjust != nil {
		adjust(h)
	}
	s := &stage{live: l, hub: h, server: httptest.NewServer(h), ended: make(chan struct{})}
	s.url = s.server.URL
	fold, stopFold := context.WithCancel(context.Background())
	front, stopFront := context.WithCancel(context.Background())
	s.stop = stopFront
	folded := make(chan struct{})
	go func() {
		defer close(folded)
		l.Run(fold)
	}()
	go func() {
		defer close(s.ended)
		h.Run(front)
	}()
	t.Cleanup(func() {
		stopFront()
		<-s.ended
		stopFold()
		<-folded
		s.server.Close()
	})
	return s
}

func (s *stage) offer(t *testing.T, events ...chordevent.Event) {
	t.Helper()
	if err := s.live.Offer(events, time.Now()); err != nil {
		t.Fatal(err)
	}
}

// A page is a client that applies the messages that it receives, as the browser's page does.
type page struct {
	t       testing.TB
	conn    *websocket.Conn
	welcome *hubpb.Welcome
	seq     uint64
	rows    map[uint32]row
	ids     map[chord.ID]uint32
	ring    *hubpb.RingState
	events  []*hubpb.FeedEvent
	sim     *hubpb.Simulation
	detail  *hubpb.NodeDetail

	snapshots, patches int
}

func (s *stage) dial(t testing.TB) *websocket.Conn {
	t.Helper()
	conn, _, err := websocket.Dial(t.Context(), s.url, &websocket.DialOptions{Subprotocols: []string{Subprotocol}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.CloseNow() })
	conn.SetReadLimit(16 << 20)
	return conn
}

func send(t testing.TB, conn *websocket.Conn, m *hubpb.ClientMessage) {
	t.Helper()
	data, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Write(t.Context(), websocket.MessageBinary, data); err != nil {
		t.Fatal(err)
	}
}

func hello(epoch string, seq uint64) *hubpb.ClientMessage {
	return &hubpb.ClientMessage{Message: &hubpb.ClientMessage_Hello{Hello: &hubpb.Hello{Epoch: epoch, LastSeq: seq}}}
}

func watch(id []byte) *hubpb.ClientMessage {
	return &hubpb.ClientMessage{Message: &hubpb.ClientMessage_Watch{Watch: &hubpb.Watch{Id: id}}}
}

func (s *stage) open(t testing.TB, epoch string, seq uint64) *page {
	t.Helper()
	p := &page{t: t, conn: s.dial(t), rows: map[uint32]row{}, ids: map[chord.ID]uint32{}}
	send(t, p.conn, hello(epoch, seq))
	p.next()
	if p.welcome == nil {
		t.Fatal("the first message is no Welcome")
	}
	return p
}

// next reads one message and applies it.
func (p *page) next() {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), time.Minute)
	defer cancel()
	kind, data, err := p.conn.Read(ctx)
	if err != nil || kind != websocket.MessageBinary {
		p.t.Fatalf("reading a message: %v %v", kind, err)
	}
	var m hubpb.ServerMessage
	if err := proto.Unmarshal(data, &m); err != nil {
		p.t.Fatal(err)
	}
	p.apply(&m)
}

func (p *page) apply(m *hubpb.ServerMessage) {
	p.t.Helper()
	switch {
	case m.GetWelcome() != nil:
		p.welcome = m.GetWelcome()
	case m.GetSnapshot() != nil:
		s := m.GetSnapshot()
		p.snapshots++
		p.seq, p.ring, p.sim, p.events = s.Seq, s.Ring, s.Simulation, s.Events
		clear(p.rows)
		clear(p.ids)
		p.enter(s.Members)
	case m.GetPatch() != nil:
		patch := m.GetPatch()
		p.patches++
		if patch.BaseSeq != p.seq || patch.Seq != p.seq+1 {
			p.t.Fatalf("a patch from %d to %d at %d", patch.BaseSeq, patch.Seq, p.seq)
		}
		p.seq, p.ring = patch.Seq, patch.Ring
		for _, handle := range patch.Removed {
			delete(p.ids, p.rows[handle].id)
			delete(p.rows, handle)
		}
		p.enter(patch.Changed)
		for _, e := range patch.Events {
			if n := len(p.events); n > 0 && p.events[n-1].Seq >= e.Seq {
				p.t.Fatalf("event %d after event %d", e.Seq, p.events[n-1].Seq)
			}
			p.events = append(p.events, e)
		}
		if patch.Simulation != nil {
			p.sim = patch.Simulation
		}
	case m.GetDetail() != nil:
		p.detail = m.GetDetail()
	}
}

func (p *page) enter(m *hubpb.Members) {
	for i, handle := range m.GetHandle() {
		r := row{
			id: chord.ID(m.Id[20*i : 20*i+20]), handle: handle, address: m.Address[i], host: m.Host[i], status: m.Status[i],
			uncertain: m.Uncertain[i], predecessor: m.Predecessor[i], successor: m.Successor[i], from: m.RangeFrom[i],
			keys: m.Keys[i], replicas: m.Replicas[i], bytes: m.Bytes[i], err: m.Error[i], lastEvent: m.LastEventMs[i],
			incarnation: m.Incarnation[i],
		}
		if old, known := p.ids[r.id]; known && old != handle {
			p.t.Fatalf("member %x has handles %d and %d", r.id, old, handle)
		}
		p.rows[handle], p.ids[r.id] = r, handle
	}
}

// until applies messages until cond holds.
func (p *page) until(what string, cond func() bool) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), time.Minute)
	defer cancel()
	for !cond() {
		if ctx.Err() != nil {
			p.t.Fatalf("timed out: expected that %s", what)
		}
		p.next()
	}
}

func TestSnapshotThenPatches(t *testing.T) {
	var sim atomic.Pointer[hubpb.Simulation]
	s := newStage(t, Config{
		Settings: func(context.Context) *hubpb.Settings {
			return &hubpb.Settings{Version: "v1", JaegerUrl: "http://jaeger"}
		},
		Simulation: func() *hubpb.Simulation { return sim.Load() },
	}, nil)
	members, events := otlptest.Ring(16, 4, time.Now())
	s.offer(t, events...)
	p := s.open(t, "", 0)
	if p.welcome.Epoch != "one" || p.welcome.Resumed || p.welcome.Settings.JaegerUrl != "http://jaeger" {
		t.Errorf("welcome %v", p.welcome)
	}
	p.until("the ring is ideal", func() bool { return p.ring.GetStatus() == hubpb.RingState_STATUS_IDEAL })
	if p.snapshots != 1 || len(p.rows) != 16 {
		t.Fatalf("%d snapshots and %d members, want 1 and 16", p.snapshots, len(p.rows))
	}
	for i, m := range members {
		r := p.rows[p.ids[m.Peer.ID]]
		next, before := members[(i+1)%16].Peer.ID, members[(i+15)%16].Peer.ID
		if r.successor != p.ids[next] || r.predecessor != p.ids[before] || r.keys != 100 || r.status != hubpb.Members_STATUS_ACTIVE {
			t.Errorf("member %d: %+v", i, r)
		}
		if want := float64((i+15)%16) / 16; r.from < want-1e-9 || r.from > want+1e-9 {
			t.Errorf("member %d owns from %v, want %v", i, r.from, want)
		}
	}

	handle := p.ids[members[3].Peer.ID]
	s.offer(t, members[2].Event(time.Now(), chordevent.PeerFailed{Peer: members[3].Peer, Operation: chordevent.SpanStabilize}))
	p.until("member 3 has failed", func() bool { return p.rows[handle].status == hubpb.Members_STATUS_FAILED })
	// No event has reported a new successor, but the page shows the first live one.
	if got := p.rows[p.ids[members[2].Peer.ID]].successor; got != p.ids[members[4].Peer.ID] {
		t.Errorf("the first live successor of member 2 is %d, want member 4, which is %d", got, p.ids[members[4].Peer.ID])
	}
	if e := p.events[len(p.events)-1]; e.Kind != string(chordevent.KindPeerFailed) || !e.Warning || chord.ID(e.Peer) != members[3].Peer.ID {
		t.Errorf("newest event %v", e)
	}

	sim.Store(&hubpb.Simulation{Running: true, Scenario: "demo"})
	p.until("the simulation runs", func() bool { return p.sim.GetRunning() })
	sim.Store(nil)
	p.until("the simulation is over", func() bool { return !p.sim.GetRunning() })
	if p.snapshots != 1 {
		t.Errorf("%d snapshots, want 1", p.snapshots)
	}
}

func TestResume(t *testing.T) {
	s := newStage(t, Config{}, nil)
	members, events := otlptest.Ring(8, 2, time.Now())
	s.offer(t, events...)
	p := s.open(t, "", 0)
	p.until("the ring is ideal", func() bool { return p.ring.GetStatus() == hubpb.RingState_STATUS_IDEAL })
	p.conn.CloseNow()
	s.offer(t, members[2].Event(time.Now(), chordevent.PeerFailed{Peer: members[3].Peer}))

	back := s.open(t, p.welcome.Epoch, p.seq)
	if !back.welcome.Resumed {
		t.Fatalf("not resumed: %v", back.welcome)
	}
	back.rows, back.ids, back.seq = p.rows, p.ids, p.seq
	back.until("member 3 has failed", func() bool {
		return back.rows[back.ids[members[3].Peer.ID]].status == hubpb.Members_STATUS_FAILED
	})
	if back.snapshots != 0 {
		t.Errorf("%d snapshots for one that resumes, want none", back.snapshots)
	}

	for name, other := range map[string]*page{
		"another epoch":  s.open(t, "two", p.seq),
		"a future frame": s.open(t, "one", p.seq+1_000_000),
	} {
		if other.welcome.Resumed {
			t.Errorf("%s was resumed", name)
		}
		other.until("a snapshot comes", func() bool { return other.snapshots == 1 })
	}
}

func TestWatch(t *testing.T) {
	s := newStage(t, Config{}, nil)
	members, events := otlptest.Ring(8, 2, time.Now())
	s.offer(t, events...)
	p := s.open(t, "", 0)
	p.until("the ring is ideal", func() bool { return p.ring.GetStatus() == hubpb.RingState_STATUS_IDEAL })
	id := members[3].Peer.ID
	send(t, p.conn, watch(id[:]))
	p.until("the details are there", func() bool { return p.detail != nil })
	if d := p.detail; chord.ID(d.Id) != id || len(d.Successors) != 2 || len(d.Fingers) != 1 || d.Fingers[0].Last != 159 || d.Epoch != 1 {
		t.Errorf("detail %v", d)
	}
	s.offer(t, members[3].Event(time.Now(), chordevent.NodeLoad{Load: chordevent.Load{Gets: 7}}))
	p.until("its load is new", func() bool { return p.detail.Gets == 7 })
	s.offer(t, members[2].Event(time.Now(), chordevent.SuccessorsChanged{Successors: []chordevent.PeerRef{members[3].Peer, members[4].Peer}}))
	p.until("an event about it is received", func() bool { return len(p.detail.Events) == 1 })

	send(t, p.conn, watch(make([]byte, 20)))
	p.until("an unknown member is gone", func() bool { return p.detail.Gone })

	p.detail = nil
	send(t, p.conn, watch(nil))
	s.offer(t, members[3].Event(time.Now(), chordevent.NodeLoad{Load: chordevent.Load{Gets: 8}}))
	seen := p.patches
	p.until("some patches have come", func() bool { return p.patches >= seen+5 })
	if p.detail != nil {
		t.Errorf("details though nothing is watched: %v", p.detail)
	}
}

// status reads until the server closes the connection, and returns the close status.
func closeStatus(t *testing.T, conn *websocket.Conn) websocket.StatusCode {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		if _, _, err := conn.Read(ctx); err != nil {
			if errors.Is(err, context.DeadlineExceeded) {
				t.Error("the server keeps the connection open")
			}
			return websocket.CloseStatus(err)
		}
	}
}

func TestNonsenseClosesWithAStatus(t *testing.T) {
	patient := newStage(t, Config{}, func(h *Hub) { h.helloTimeout = time.Minute })
	hasty := newStage(t, Config{}, func(h *Hub) { h.helloTimeout = 50 * time.Millisecond })
	for name, c := range map[string]struct {
		talk func(*websocket.Conn)
		want websocket.StatusCode
	}{
		"garbage": {func(c *websocket.Conn) {
			c.Write(t.Context(), websocket.MessageBinary, []byte("\xff\xff\xff"))
		}, websocket.StatusInvalidFramePayloadData},
		"text": {func(c *websocket.Conn) { c.Write(t.Context(), websocket.MessageText, []byte("{}")) }, websocket.StatusUnsupportedData},
		"too big": {func(c *websocket.Conn) {
			c.Write(t.Context(), websocket.MessageBinary, make([]byte, 2*maxMessage))
		}, websocket.StatusMessageTooBig},
		"watch first": {func(c *websocket.Conn) { send(t, c, watch(nil)) }, websocket.StatusPolicyViolation},
		"no hello":    {nil, websocket.StatusPolicyViolation},
		"hello twice": {func(c *websocket.Conn) { send(t, c, hello("", 0)); send(t, c, hello("", 0)) }, websocket.StatusPolicyViolation},
		"short id":    {func(c *websocket.Conn) { send(t, c, hello("", 0)); send(t, c, watch([]byte{1})) }, websocket.StatusInvalidFramePayloadData},
		"empty": {func(c *websocket.Conn) {
			c.Write(t.Context(), websocket.MessageBinary, nil)
		}, websocket.StatusInvalidFramePayloadData},
	} {
		t.Run(name, func(t *testing.T) {
			s := patient
			if c.talk == nil {
				s = hasty
			}
			conn := s.dial(t)
			if c.talk != nil {
				c.talk(conn)
			}
			if got := closeStatus(t, conn); got != c.want {
				t.Errorf("closed with %v, want %v", got, c.want)
			}
		})
	}
	polltest.Until(t, "no client is connected", func() bool { return patient.hub.Clients()+hasty.hub.Clients() == 0 })
}

func TestTooManyClients(t *testing.T) {
	s := newStage(t, Config{MaxClients: 2}, nil)
	a, _ := s.open(t, "", 0), s.open(t, "", 0)
	_, resp, err := websocket.Dial(t.Context(), s.url, nil)
	if err == nil || resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
		t.Errorf("the third client: %v", err)
	}
	a.conn.Close(websocket.StatusNormalClosure, "")
	polltest.Until(t, "a slot is free", func() bool { return s.hub.Clients() == 1 })
	s.open(t, "", 0)
}

func TestEndSendsClientsAway(t *testing.T) {
	s := newStage(t, Config{}, func(h *Hub) { h.helloTimeout = time.Minute })
	p, silent := s.open(t, "", 0), s.dial(t)
	polltest.Until(t, "both are connected", func() bool { return s.hub.Clients() == 2 })
	s.stop()
	if got := closeStatus(t, p.conn); got != websocket.StatusGoingAway {
		t.Errorf("closed with %v, want GoingAway", got)
	}
	if got := closeStatus(t, silent); got != websocket.StatusGoingAway {
		t.Errorf("a client that sent no Hello: closed with %v, want GoingAway", got)
	}
	<-s.ended // which waits for clients, but not long
	polltest.Until(t, "no client is connected", func() bool { return s.hub.Clients() == 0 })
}
