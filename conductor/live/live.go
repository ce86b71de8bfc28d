package live

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"chordconductor/conductor/lookups"
	"chordconductor/conductor/ring"
	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// ErrFull says that the input queue is full. The caller keeps its events and offers them again later.
var ErrFull = errors.New("live: event queue is full")

// ErrClosed says that the fold has ended and takes nothing more.
var ErrClosed = errors.New("live: closed")

// Config is what a Live needs. The zero value is usable.
type Config struct {
	Epoch      string       // names this run; empty: a random one
	QueueLimit int          // events waiting to be folded, at most; 0: 65,536
	SpanLimit  int          // lookup spans waiting, at most; 0: 8,192
	Recorder   Recorder     // told of everything the fold is told of; nil: nothing is recorded
	Meter      metric.Meter // for the conductor's own metrics; nil: none
}

// A Recorder writes down what the fold is told, in the same order, so that a replay gives the same views. Its methods
// are called from one goroutine and must not block for long: the fold waits for them.
type Recorder interface {
	Append(ev *chordevent.Event, arrived time.Time)
	Advance(now time.Time)
}

// A FeedEvent is one event in the form people read.
type FeedEvent struct {
	Seq      uint64 // 1, 2, 3, … in the order applied
	Time     time.Time
	Kind     chordevent.Kind
	ID       chord.ID // the member that said it
	Peer     chord.ID // the other member concerned
	HasPeer  bool
	Text     string // one line
	Trace    trace.TraceID
	Warning  bool
	Keys     int64 // of a key move
	Outgoing bool  // of a key move: from ID to Peer
}

// A Sample is one point of the charts, a second apart.
type Sample struct {
	Time          time.Time
	Members       int
	Error         uint64
	Lookups       float64 // per second
	P50, P99      time.Duration
	Puts, Gets    float64 // per second
	Events, Spans float64 // per second
}

// Stats says how far the picture can be trusted, and what it costs.
type Stats struct {
	StalenessP50, StalenessP99 time.Duration     // event timestamp to applied, last ten seconds
	Applied, Outdated          uint64            // events that told something new, or nothing new
	Refused                    uint64            // events refused because the queue was full; their senders retry
	Rejected                   map[string]uint64 // malformed events, by reason
	Lost                       int64             // records that processes say they lost
	EventRate, SpanRate        float64           // per second
	QueueEvents, QueueLimit    int
	SpansDropped               uint64
	LookupsSampled             float64 // share of lookups that arrive as traces; -1: unknown
}

// Live owns the fold. Make one with New, and run it with Run.
type Live struct{}

// New returns a Live that has heard nothing yet.
func New(cfg Config) *Live { return &Live{} }

// Run folds until ctx ends, then folds what is still queued and returns.
func (l *Live) Run(ctx context.Context) error { return nil }

// Offer queues events that arrived together. It never blocks; ErrFull means that none was taken.
func (l *Live) Offer(events []chordevent.Event, arrived time.Time) error { return nil }

// OfferSpans queues spans of lookups. What does not fit is dropped and counted: the ring view does not need spans.
func (l *Live) OfferSpans(spans []lookups.Span) {}

// Reject counts malformed events by reason.
func (l *Live) Reject(reason string, n int) {}

// View is the newest published view. Never nil.
func (l *Live) View() *ring.View { return nil }

// Epoch names this run of the conductor.
func (l *Live) Epoch() string { return "" }

// Events returns events of the recent feed with a greater sequence number than after, oldest first, the newest limit.
func (l *Live) Events(after uint64, limit int) []FeedEvent { return nil }

// Lookups returns the most recent lookups, oldest first.
func (l *Live) Lookups(limit int) []lookups.Lookup { return nil }

// Samples returns the chart history, oldest first, an hour at most.
func (l *Live) Samples() []Sample { return nil }

// Stats returns the counters as they stand.
func (l *Live) Stats() Stats { return Stats{} }

// Subscribe returns a wake-up for every publication. Close it when done.
func (l *Live) Subscribe() *Subscription { return nil }

// A Subscription wakes its owner when something new was published. Wake-ups coalesce: one waits at most.
type Subscription struct{}

// C is ready when something was published since the last receive.
func (s *Subscription) C() <-chan struct{} { return nil }

// Close ends the subscription.
func (s *Subscription) Close() {}
