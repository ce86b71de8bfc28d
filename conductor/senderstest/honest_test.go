package senderstest

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/coder/websocket"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"google.golang.org/protobuf/proto"

	"chordconductor/conductor/hub"
	"chordconductor/conductor/hub/hubpb"
	"chordconductor/conductor/internal/otlptest"
	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

const (
	honestMembers = 100
	honestHosts   = 10
)

// An honest ring sends the loads and keyframes of a ring's members. Each event carries a count, for which a page client
// searches the frames that it receives: an event counts as applied when its count arrives there.
type honest struct {
	c       *conductor
	members []*otlptest.Member

	mu    sync.Mutex
	sent  map[chord.ID]sent
	ids   map[uint32]chord.ID // by the page's handles
	took  []time.Duration     // of events that have been received
	tries int                 // requests that had to be sent again
	again int                 // times that the page client had to connect again
}

type sent struct {
	count int64
	at    time.Time
}

func newHonest(c *conductor) *honest {
	h := &honest{c: c, sent: map[chord.ID]sent{}, ids: map[uint32]chord.ID{}}
	h.members, _ = otlptest.Ring(honestMembers, 8, time.Now())
	for _, m := range h.members {
		m.Peer.ID[10] = 0xAA // unlike all others
	}
	return h
}

// send acts as one host until ctx ends: each second all its members emit an event.
func (h *honest) send(ctx context.Context, host int) {
	client := newClient(10 * time.Second)
	defer client.CloseIdleConnections()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for round := int64(1); ; round++ {
		now := time.Now()
		var events []chordevent.Event
		for i := host; i < honestMembers; i += honestHosts {
			m := h.members[i]
			state := otlptest.Keyframe(h.members, i, 8)
			state.Load.OwnedKeys = round
			if round%10 == 1 {
				events = append(events, m.Event(now, state))
			} else {
				events = append(events, m.Event(now, chordevent.NodeLoad{Load: state.Load}))
			}
			h.mu.Lock()
			if last, waits := h.sent[m.Peer.ID]; !waits || last.count < 0 {
				h.sent[m.Peer.ID] = sent{round, now}
			}
			h.mu.Unlock()
		}
		body, err := plogotlp.NewExportRequestFromLogs(otlptest.Logs(events...)).MarshalProto()
		if err != nil {
			panic(err)
		}
		for ctx.Err() == nil && post(ctx, client, h.c.otlp, "/v1/logs", "", body) != http.StatusOK {
			h.mu.Lock()
			h.tries++
			h.mu.Unlock()
			select {
			case <-time.After(100 * time.Millisecond):
			case <-ctx.Done():
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// watch is the page client. It connects again when it is disconnected, as the page does.
func (h *honest) watch(ctx context.Context) {
	for ctx.Err() == nil {
		if err := h.connect(ctx); err != nil {
			h.mu.Lock()
			h.again++
			h.mu.Unlock()
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

func (h *honest) connect(ctx context.Context) error {
	conn, _, err := websocket.Dial(ctx, "ws://"+h.c.page+"/ws", &websocket.DialOptions{Subprotocols: []string{hub.Subprotocol}})
	if err != nil {
		return fmt.Errorf("the page client: %w", err)
	}
	defer conn.CloseNow()
	conn.SetReadLimit(1 << 30)
	hello, err := proto.Marshal(&hubpb.ClientMessage{Message: &hubpb.ClientMessage_Hello{Hello: &hubpb.Hello{}}})
	if err != nil {
		return err
	}
	if err := conn.Write(ctx, websocket.MessageBinary, hello); err != nil {
		return err
	}
	for {
		_, data, err := conn.Read(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("the page client: %w", err)
		}
		var m hubpb.ServerMessage
		if err := proto.Unmarshal(data, &m); err != nil {
			return err
		}
		h.see(m.GetSnapshot().GetMembers())
		h.see(m.GetPatch().GetChanged())
	}
}

func (h *honest) see(members *hubpb.Members) {
	now := time.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, handle := range members.GetHandle() {
		id := chord.ID(members.Id[20*i : 20*i+20])
		h.ids[handle] = id
		if s, waits := h.sent[id]; waits && s.count > 0 && int64(members.Keys[i]) >= s.count {
			h.took = append(h.took, now.Sub(s.at))
			h.sent[id] = sent{count: -1}
		}
	}
}

// times returns how long events took, in ascending order; for events not received yet, how long they have taken so far.
func (h *honest) times() []time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := slices.Clone(h.took)
	for _, s := range h.sent {
		if s.count > 0 {
			out = append(out, time.Since(s.at))
		}
	}
	slices.Sort(out)
	return out
}

// applied returns the number of events that have been received.
func (h *honest) applied() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.took)
}

func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))].Round(time.Millisecond)
}
