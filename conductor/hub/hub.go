package hub

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"chordconductor/conductor/hub/hubpb"
	"chordconductor/conductor/live"
	"chordconductor/conductor/lookups"
	"chordconductor/conductor/memory"
	"chordconductor/conductor/ring"
	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

const (
	frameEvery     = 50 * time.Millisecond // 20 frames a second at most
	idleFrameEvery = time.Second           // while no client is connected
	closeGrace     = time.Second           // for clients to close their connections at the end

	defaultMaxClients = 256
)

// Source is the ring view that a hub shows; *live.Live implements it.
type Source interface {
	Epoch() string
	View() *ring.View
	Stats() live.Stats
	FeedSeq() uint64
	Events(after uint64, limit int) []live.FeedEvent
	EventsAbout(id chord.ID, limit int) []live.FeedEvent
	LookupsSince(n uint64) ([]lookups.Lookup, uint64)
	SamplesSince(n uint64) ([]live.Sample, uint64)
	Subscribe() *live.Subscription
}

// Config is what a Hub needs besides its source. Each field may be zero.
type Config struct {
	Settings    func(context.Context) *hubpb.Settings // sent to each client once, with the context of its request
	Simulation  func() *hubpb.Simulation              // the simulation's present state; nil: there is none. Not changed once returned
	HistoryFrom func() time.Time                      // the oldest instant that can be shown; zero: no history is kept
	// HistoryDamage lists the periods of the history that cannot be read, oldest first. The list must not be changed
	// once it is returned.
	HistoryDamage func() []*hubpb.HistoryDamage
	// Rejections lists the telemetry that was received and is not part of the view, with its sender: one line each,
	// newest first. The list must not be changed once it is returned.
	Rejections func() []string
	MaxClients int           // further ones are answered with 503; 0: 256, or as many as Memory allows
	Memory     *memory.Share // of all clients; nil: only their number is bounded
	Meter      metric.Meter  // for the number of clients and the time until a change is pushed; nil: none
}

// Hub is an http.Handler for the WebSocket endpoint. Run makes its frames.
type Hub struct {
	cfg     Config
	source  Source
	log     *frameLog
	slots   chan struct{} // one token for each connected client; the capacity bounds the clients
	refresh chan struct{} // a client connected: make a frame now
	pushed  func(context.Context, time.Duration)

	// running ends when Run ends; every connection ends with it.
	running context.Context
	end     context.CancelFunc

	// Limits of a client; tests shorten them.
	helloTimeout, writeTimeout, pingEvery time.Duration
}

// New returns a hub that shows source. It fails only if the meter rejects an instrument.
func New(source Source, cfg Config) (*Hub, error) {
	if cfg.Settings == nil {
		cfg.Settings = func(context.Context) *hubpb.Settings { return &hubpb.Settings{} }
	}
	if cfg.Simulation == nil {
		cfg.Simulation = noSimulation
	}
	if cfg.HistoryFrom == nil {
		cfg.HistoryFrom = noHistory
	}
	if cfg.HistoryDamage == nil {
		cfg.HistoryDamage = noDamage
	}
	if cfg.Rejections == nil {
		cfg.Rejections = func() []string { return nil }
	}
	if cfg.MaxClients <= 0 {
		cfg.MaxClients = defaultMaxClients
	}
	h := &Hub{
		cfg: cfg, source: source, log: newFrameLog(source, cfg),
		slots: make(chan struct{}, cfg.clientsIn()), refresh: make(chan struct{}, 1),
		pushed:       func(context.Context, time.Duration) {},
		helloTimeout: 10 * time.Second, writeTimeout: 10 * time.Second, pingEvery: 30 * time.Second,
	}
	h.running, h.end = context.WithCancel(context.Background())
	if cfg.Meter != nil {
		if err := h.instrument(cfg.Meter); err != nil {
			return nil, fmt.Errorf("cannot create the metrics of the hub: %w", err)
		}
	}
	return h, nil
}

func noSimulation() *hubpb.Simulation { return nil }

func noHistory() time.Time { return time.Time{} }

func noDamage() []*hubpb.HistoryDamage { return nil }

func (h *Hub) instrument(meter metric.Meter) error {
	staleness, err := chordevent.RingStaleness.Float64Histogram(meter)
	if err != nil {
		return err
	}
	stage := metric.WithAttributeSet(attribute.NewSet(chordevent.StageKey.String("pushed")))
	h.pushed = func(ctx context.Context, d time.Duration) { staleness.Record(ctx, d.Seconds(), stage) }
	_, err = chordevent.ConductorClients.Int64ObservableGauge(meter, func(_ context.Context, o metric.Int64Observer) error {
		o.Observe(int64(h.Clients()))
		return nil
	})
	return err
}

// Run makes frames until ctx ends, then closes all connections and returns nil. It does not wait for clients that do
// not answer.
func (h *Hub) Run(ctx context.Context) error {
	news := h.source.Subscribe()
	defer news.Close()
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			h.closeClients()
			return nil
		case <-news.C():
		case <-h.refresh:
		}
		h.log.advance()

		every := frameEvery
		if h.Clients() == 0 {
			every = idleFrameEvery
		}
		pause.Reset(every)
		select {
		case <-ctx.Done():
		case <-h.refresh:
		case <-pause.C:
		}
	}
}

// closeClients closes all connections and waits, at most closeGrace, until all slots are free.
func (h *Hub) closeClients() {
	h.end()
	limit := time.After(closeGrace)
	for range cap(h.slots) {
		select {
		case h.slots <- struct{}{}:
			defer func() { <-h.slots }()
		case <-limit:
			return
		}
	}
}

// Clients returns the number of connected clients.
func (h *Hub) Clients() int { return len(h.slots) }
