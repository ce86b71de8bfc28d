package live

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"chordconductor/conductor/ring"
	"chordconductor/otel/chordevent"
)

// A Sample is one point of the charts, a second apart.
type Sample struct {
	Time          time.Time
	Members       int // active and leaving
	Error         uint64
	Lookups       float64       // per second: from metrics if there are any, else those that arrived as traces
	P50, P99      time.Duration // latencies of the same lookups
	Puts, Gets    float64       // served per second, by members' loads
	Events, Spans float64       // received per second; spans of lookups only
}

// Stats describes how far the view can be trusted, and the work that it takes.
type Stats struct {
	Published                  time.Time         // when the newest view was, by the wall clock
	StalenessP50, StalenessP99 time.Duration     // event timestamp to applied, last ten seconds
	Applied, Outdated          uint64            // events with and without new information
	Foreign                    uint64            // events of another ring, or beyond a bound of the fold
	ForeignRings               []ForeignRing     // their senders, the newest first: 20 at most
	RefusedParameters          []ring.Parameters // of the refused members, those of most members first: 10 at most
	RefusedMembers             int               // members, not shown, with other bits, r or R than the ring's
	Refused                    uint64            // events not accepted because the queue was full; their senders try again
	Rejected                   map[string]uint64 // malformed events, by chordevent.Reason
	Ignored                    uint64            // attributes that the vocabulary does not have
	Lost                       int64             // records lost, as processes report
	Missing                    int64             // events that members have emitted, by their numbers, and that did not arrive
	EventRate, SpanRate        float64           // per second
	QueueEvents, QueueLimit    int
	SpansDropped               uint64  // spans and points that did not fit, and traces dropped
	LookupsForeign             uint64  // traced lookups of another ring, or of identifiers of another length
	LookupsSampled             float64 // share of lookups that arrive as traces; -1: unknown
}

// RejectedTotal returns the number of malformed events.
func (s Stats) RejectedTotal() (n uint64) {
	for _, v := range s.Rejected {
		n += v
	}
	return n
}

// counters may be written by any goroutine.
type counters struct {
	refused, spans, spansDropped, lookupsForeign, ignored atomic.Uint64

	mu       sync.Mutex
	rejected map[string]uint64 // guarded by mu; there are as many reasons as package chordevent has
}

// Reject counts an event that could not be decoded.
func (l *Live) Reject(reason chordevent.Reason) {
	l.counts.mu.Lock()
	defer l.counts.mu.Unlock()
	if l.counts.rejected == nil {
		l.counts.rejected = map[string]uint64{}
	}
	l.counts.rejected[string(reason)]++
}

// Ignore counts attributes of events that are not in the vocabulary.
func (l *Live) Ignore(attributes int) { l.counts.ignored.Add(uint64(attributes)) }

func (c *counters) rejections() map[string]uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.rejected)
}

// Stats returns the present counters.
func (l *Live) Stats() Stats {
	s := l.latest.Load().stats
	s.Refused = l.counts.refused.Load()
	s.Rejected = l.counts.rejections()
	s.Ignored = l.counts.ignored.Load()
	s.QueueEvents, s.QueueLimit = l.events.len(), l.cfg.QueueLimit
	s.SpansDropped += l.counts.spansDropped.Load()
	s.LookupsForeign = l.counts.lookupsForeign.Load()
	return s
}

// measure adds the numbers that only Run's goroutine can measure.
func (l *Live) measure(view *ring.View, now time.Time) Stats {
	stale := l.staleness.quantiles(now, .5, .99)
	return Stats{
		StalenessP50: stale[0], StalenessP99: stale[1],
		Applied: view.Counts.Applied, Outdated: view.Counts.Outdated, Foreign: view.Counts.Refused, RefusedMembers: view.Counts.RefusedMembers,
		ForeignRings: l.foreign.now(), RefusedParameters: l.odd.name(l.cfg.Log, l.ring.RefusedParameters()),
		Lost: view.Counts.Lost, Missing: view.Counts.Missing,
		EventRate: l.sampler.eventRate, SpanRate: l.sampler.spanRate, LookupsSampled: l.sampler.sampled,
		SpansDropped: l.assembler.Dropped(),
	}
}
