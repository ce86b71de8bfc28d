package hub

import (
	"context"
	"math/rand/v2"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/log"

	"chordconductor/conductor/hub/hubpb"
	"chordconductor/conductor/ingest"
	"chordconductor/conductor/internal/otlptest"
	"chordconductor/conductor/live"
	"chordconductor/node/chord"
	"chordconductor/otel"
	"chordconductor/otel/chordevent"
)

// A path is the whole path of an event: package otel's pipeline, OTLP over gRPC, ingest, fold, hub and WebSocket.
type path struct {
	members []*otlptest.Member
	logger  log.Logger
	page    *page
}

func (p *path) emit(ctx context.Context, ev chordevent.Event) {
	p.logger.Emit(ctx, chordevent.Encode(ev))
}

func newPath(tb testing.TB, members int) *path {
	tb.Helper()
	l, err := live.New(live.Config{})
	if err != nil {
		tb.Fatal(err)
	}
	in, err := ingest.Open(tb.Context(), ingest.Config{GRPC: "127.0.0.1:0", Grace: time.Minute}, l)
	if err != nil {
		tb.Fatal(err)
	}
	h, err := New(l, Config{})
	if err != nil {
		tb.Fatal(err)
	}
	server := httptest.NewServer(h)
	telemetry, err := otel.Setup(tb.Context(), otel.Config{Ring: "test", Endpoint: in.GRPCAddr(), IgnoreEnvironment: true})
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	receiving, endReceiving := context.WithCancel(context.Background())
	received, folded, shown := make(chan error, 1), make(chan error, 1), make(chan error, 1)
	go func() { received <- in.Run(receiving) }()
	go func() { folded <- l.Run(ctx) }()
	go func() { shown <- h.Run(ctx) }()
	tb.Cleanup(func() {
		limit, stop := context.WithTimeout(context.Background(), time.Minute)
		defer stop()
		if err := telemetry.Shutdown(limit); err != nil {
			tb.Error(err)
		}
		endReceiving()
		if err := <-received; err != nil {
			tb.Error(err)
		}
		cancel()
		<-folded
		<-shown
		server.Close()
	})

	p := &path{logger: telemetry.Events.Logger("test")}
	var keyframes []chordevent.Event
	p.members, keyframes = otlptest.Ring(members, 8, time.Now())
	for _, ev := range keyframes {
		p.emit(tb.Context(), ev)
	}
	s := &stage{url: server.URL}
	p.page = s.open(tb, "", 0)
	p.page.until("the ring is ideal", func() bool {
		return p.page.ring.GetStatus() == hubpb.RingState_STATUS_IDEAL && len(p.page.rows) == members
	})
	return p
}

func TestEventReachesTheClient(t *testing.T) {
	p := newPath(t, 32)
	begun := time.Now()
	p.emit(t.Context(), p.members[3].Event(begun, chordevent.NodeLoad{Load: chordevent.Load{OwnedKeys: 4711}}))
	handle := p.page.ids[p.members[3].Peer.ID]
	p.page.until("the load is on the page", func() bool { return p.page.rows[handle].keys == 4711 })
	t.Logf("emitted → received by the client: %v", time.Since(begun).Round(time.Millisecond))
}

// BenchmarkEventToClient measures the time from an event's emission until a WebSocket client receives it, in a ring of
// 1,000 members, 200 of which emit a new predecessor each second and 800 a new load. The target is a p99 of 250 ms.
func BenchmarkEventToClient(b *testing.B) {
	const (
		size = 1000
		rate = 1000 // events per second
	)
	p := newPath(b, size)
	var (
		mu      sync.Mutex
		onWay   = map[chord.ID][]int64{} // guarded by mu: Unix milliseconds of events not yet seen, ascending
		lags    []time.Duration
		ticking = time.NewTicker(time.Second / rate)
	)
	defer ticking.Stop()
	b.ResetTimer()
	go func() {
		for n := range b.N {
			m := p.members[rand.IntN(size)]
			var body chordevent.Body = chordevent.NodeLoad{Load: chordevent.Load{OwnedKeys: int64(n)}}
			if n%5 == 0 {
				body = chordevent.PredecessorChanged{Predecessor: p.members[rand.IntN(size)].Peer}
			}
			now := time.Now()
			mu.Lock()
			onWay[m.Peer.ID] = append(onWay[m.Peer.ID], now.UnixMilli())
			mu.Unlock()
			p.emit(b.Context(), m.Event(now, body))
			<-ticking.C
		}
	}()
	for len(lags) < b.N {
		p.page.next()
		now := time.Now()
		mu.Lock()
		for id, sent := range onWay {
			for len(sent) > 0 && sent[0] <= p.page.rows[p.page.ids[id]].lastEvent {
				lags = append(lags, now.Sub(time.UnixMilli(sent[0])))
				sent = sent[1:]
			}
			onWay[id] = sent
		}
		mu.Unlock()
	}
	b.StopTimer()
	slices.Sort(lags)
	at := func(q float64) float64 { return float64(lags[int(q*float64(len(lags)-1))].Microseconds()) / 1000 }
	b.ReportMetric(at(.5), "p50-ms")
	b.ReportMetric(at(.99), "p99-ms")
	b.ReportMetric(0, "ns/op") // paced: it would be 1 ms
}
