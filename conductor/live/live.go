package live

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/metric"

	"chordconductor/conductor/lookups"
	"chordconductor/conductor/memory"
	"chordconductor/conductor/ring"
	"chordconductor/internal/assertion"
	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

var (
	// ErrFull means that the queue of events is full. The caller keeps its events and offers them again later.
	ErrFull = errors.New("the queue of events is full; send them again later")
	// ErrClosed is returned after the fold has ended: it accepts no more events and spans.
	ErrClosed = errors.New("the ring view is closed and accepts no more events")
)

const (
	publishEvery = 25 * time.Millisecond  // at most so often, and at most half of the time: see publish
	longestPause = 200 * time.Millisecond // between two publications, of those that take long
	advanceEvery = 200 * time.Millisecond // the interval of checks of silence, grace and removal
	sampleEvery  = time.Second

	defaultQueueLimit = 1 << 16
	defaultSpanLimit  = 1 << 14
)

// Config configures a Live. The zero value is usable.
type Config struct {
	Ring       ring.Options
	Epoch      string // name of this run; empty: a random one is made
	QueueLimit int    // greatest number of events that wait to be folded; 0: 65,536
	// Shares of the memory, one for each part; nil: only numbers are bounded.
	QueueMemory  *memory.Share // events that wait
	FoldMemory   *memory.Share // memory of the ring; Options.MaxBytes must be the share's limit
	FeedMemory   *memory.Share // events that can be read back
	LookupMemory *memory.Share // see lookupParts

	SpanLimit int          // greatest number of lookup spans that wait; 0: 16,384
	Recorder  Recorder     // receives all that the fold receives; nil: nothing is recorded
	Meter     metric.Meter // for the conductor's own metrics; nil: none
	Log       *slog.Logger // names senders and members that are not shown, each once; nil: no log
	// Now is the clock that events' timestamps are compared with. If it is nil, time.Now is used. A replay or a
	// simulation has its own clock, which must not go back.
	Now func() time.Time
	// World is the simulated clock on which Follow folds, in place of Run; it also replaces Now. nil: the wall clock,
	// and Run.
	World World
}

// A Recorder records the fold's input, in the same order, so that a replay gives the same views. Its methods are called
// from one goroutine and must not block for long: the fold waits for them.
type Recorder interface {
	Append(ev *chordevent.Event, arrived time.Time)
	Advance(now time.Time)
}

// Live owns the fold. Make one with New, and run it with Run on the wall clock, or with Follow in a simulated world.
type Live struct {
	cfg    Config
	wake   chan struct{} // something waits in events or side
	events *queue[batch]
	side   *queue[sideBatch]

	// Only the goroutine that folds, Run's or the world's, uses the fields from here to latest.
	ring      *ring.Ring
	assembler *lookups.Assembler
	rates     *lookups.Rates
	staleness window
	foreign   foreign
	odd       odd
	durations window // of lookups that arrived as traces
	sampler   sampler
	dirty     bool      // the ring has changed since the last publication
	published time.Time // by the wall clock
	due       time.Time // by the wall clock: the next publication is not before this time
	advanced  time.Time // the time that the fold last received

	latest  atomic.Pointer[published]
	feed    feed
	done    recent[lookups.Lookup]
	memory  recent[lookups.Lookup] // a few of each moment, over a longer time
	samples recent[Sample]
	counts  counters
	waiting *memory.Share // of waiting spans and points
	crowded uint64        // of the fold, as last reported; only Run's goroutine uses it
	strayed uint64        // the same number of lookups; only Run's goroutine uses it
	subs    subscribers
	meters  *instruments // nil: no meter
}

// A published state is immutable.
type published struct {
	view  *ring.View
	stats Stats // the part that Run's goroutine measures
}

// A batch holds events that arrived together; a sideBatch holds spans and points.
type batch struct {
	events  []chordevent.Event
	arrived time.Time
	bytes   int64 // of memory
}

type sideBatch struct {
	spans  []lookups.Span
	points []lookups.Point
	bytes  int64 // of memory
}

// New returns a Live without any events. It fails only if the meter rejects an instrument.
func New(cfg Config) (*Live, error) {
	if cfg.Epoch == "" {
		var b [8]byte
		rand.Read(b[:]) // never fails
		cfg.Epoch = hex.EncodeToString(b[:])
	}
	if cfg.QueueLimit <= 0 {
		cfg.QueueLimit = defaultQueueLimit
	}
	if cfg.SpanLimit <= 0 {
		cfg.SpanLimit = defaultSpanLimit
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.World != nil {
		cfg.Now = cfg.World.Now
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Ring.Assertions == nil {
		cfg.Ring.Assertions = &assertion.Counts{Print: func(line string) { cfg.Log.Error(line) }}
	}
	wake := make(chan struct{}, 1)
	parts := lookupParts(cfg.LookupMemory)
	l := &Live{
		cfg:       cfg,
		wake:      wake,
		events:    newQueue[batch](cfg.QueueLimit, wake),
		side:      newQueue[sideBatch](cfg.SpanLimit, wake),
		ring:      ring.New(cfg.Ring),
		assembler: lookups.NewAssembler(parts.open),
		rates:     lookups.NewRates(parts.rates),
		done:      recent[lookups.Lookup]{limit: lookupsKept, most: parts.done, size: (*lookups.Lookup).MemorySize},
		memory:    recent[lookups.Lookup]{limit: lookupsRemembered, most: parts.remembered, size: (*lookups.Lookup).MemorySize},
		samples:   recent[Sample]{limit: samplesKept},
		waiting:   parts.waiting,
	}
	l.feed.memory = cfg.FeedMemory
	l.latest.Store(&published{view: l.ring.View(), stats: Stats{LookupsSampled: -1}})
	if cfg.Meter != nil {
		var err error
		if l.meters, err = newInstruments(cfg.Meter, l); err != nil {
			return nil, fmt.Errorf("cannot create the metrics of the ring view: %w", err)
		}
	}
	return l, nil
}

// Run folds until ctx ends, then folds what is still queued, publishes it and returns nil.
func (l *Live) Run(ctx context.Context) error {
	tick := time.NewTicker(advanceEvery)
	defer tick.Stop()
	publish := time.NewTimer(0)
	defer publish.Stop()
	for {
		select {
		case <-ctx.Done():
			l.events.close()
			l.side.close()
			l.fold(ctx)
			l.advance()
			l.publish()
			return nil
		case <-l.wake:
			l.fold(ctx)
			publish.Reset(max(0, time.Until(l.due)))
		case <-tick.C:
			l.advance()
			publish.Reset(max(0, time.Until(l.due)))
		case <-publish.C:
			l.publish()
		}
	}
}

// fold applies everything that waits.
func (l *Live) fold(ctx context.Context) {
	taken := l.events.take()
	for i, b := range taken {
		l.apply(ctx, b)
		taken[i] = batch{} // the queue keeps the slice
		l.cfg.QueueMemory.Give(b.bytes)
		l.events.done(len(b.events))
		if l.cfg.World == nil && !time.Now().Before(l.due) {
			l.publish()
		}
	}
	now := l.cfg.Now()
	side := l.side.take()
	for i, b := range side {
		side[i] = sideBatch{}
		for _, s := range b.spans {
			l.assembler.Add(s, now)
		}
		for _, p := range b.points {
			l.rates.Add(p, now)
		}
		l.side.done(len(b.spans) + len(b.points))
		l.waiting.Give(b.bytes)
	}
	l.weigh()
}

func (l *Live) apply(ctx context.Context, b batch) {
	for i := range b.events {
		ev := &b.events[i]
		if l.cfg.Recorder != nil {
			l.cfg.Recorder.Append(ev, b.arrived)
		}
		if !l.ring.Apply(ev, b.arrived).Applied {
			if name := l.ring.Name(); ev.Ring != "" && ev.Ring != name {
				if l.foreign.note(ev, b.arrived) {
					l.cfg.Log.Warn("ignoring events of another ring: the conductor shows one ring, the first that it received events of", "ring", ev.Ring, "instance", ev.Instance, "shown", name)
				}
				l.dirty = true
			}
			continue
		}
		l.dirty = true
		if Newsworthy(ev.Body.Kind()) {
			l.feed.add(ev, b.arrived)
		}
	}
	now := l.cfg.Now()
	for i := range b.events {
		stale, known := l.ring.Delay(&b.events[i], now)
		if !known {
			continue // the clock of the member's host is off, which is among the view's faults
		}
		l.staleness.add(now, stale)
		if l.meters != nil {
			l.meters.stale(ctx, stale)
		}
	}
}

// advance passes the present time to the fold and the lookup table.
func (l *Live) advance() {
	now := l.cfg.Now()
	if !now.After(l.advanced) {
		return // a stopped clock, as that of a replay may be
	}
	l.advanced = now
	if l.cfg.Recorder != nil {
		l.cfg.Recorder.Advance(now)
	}
	l.ring.Advance(now)
	l.dirty = true // the view's time has changed, if nothing else
	found := l.ofRing(l.assembler.Advance(now))
	for _, f := range found {
		l.durations.add(now, f.Duration)
		l.sampler.traced++
		l.done.add(f)
	}
	for _, f := range memorable(found) {
		l.memory.add(f)
	}
	l.weigh()
}

// ofRing keeps the lookups of the ring that the view shows. Which ring that is may become known later than the first
// spans of its lookups.
func (l *Live) ofRing(found []lookups.Lookup) []lookups.Lookup {
	v := l.View()
	return slices.DeleteFunc(found, func(f lookups.Lookup) bool {
		other := f.Ring != v.Name || v.Bits > 0 && f.Digits != (v.Bits+3)/4
		if other {
			l.counts.lookupsForeign.Add(1)
		}
		return other
	})
}

// publish makes the present state visible to readers, and takes a sample when one is due. In a large ring with many
// uncertain members it takes long; then the fold applies events for as long as publish took before it publishes again.
func (l *Live) publish() {
	l.published = time.Now()
	defer func() {
		took := time.Since(l.published)
		l.due = l.published.Add(max(publishEvery, took+min(took, longestPause)))
	}()
	if !l.dirty {
		return
	}
	l.dirty = false
	now := l.cfg.Now()
	view := l.ring.View()
	if now.Sub(l.sampler.last) >= sampleEvery-advanceEvery/2 { // accepts a tick that is a little early
		l.samples.add(l.sample(view, now))
	}
	stats := l.measure(view, now)
	stats.Published = l.published
	if last := l.View(); view.Seq < last.Seq {
		l.cfg.Ring.Assertions.Failed(chordevent.AssertViewSequence, "view %d after %d", view.Seq, last.Seq)
	}
	l.latest.Store(&published{view: view, stats: stats})
	l.subs.wake()
}

// Offer queues events that arrived together; the caller must not use them afterwards. It never blocks. If it returns
// ErrFull or ErrClosed, it has accepted none of them.
func (l *Live) Offer(events []chordevent.Event, arrived time.Time) error {
	if len(events) == 0 {
		return nil
	}
	var bytes int64
	if l.cfg.QueueMemory != nil {
		for i := range events {
			bytes += events[i].MemorySize()
		}
	}
	err := ErrFull
	if l.cfg.QueueMemory.Take(bytes) {
		if err = l.events.put(batch{events, arrived, bytes}, len(events)); err != nil {
			l.cfg.QueueMemory.Give(bytes)
		}
	}
	if err != nil {
		l.counts.refused.Add(uint64(len(events)))
	}
	l.followed()
	return err
}

// OfferSpans queues spans of lookups, and points of their metrics. Those that do not fit are dropped and counted: the
// ring view does not depend on them.
func (l *Live) OfferSpans(spans []lookups.Span, points []lookups.Point) {
	n := len(spans) + len(points)
	if n == 0 {
		return
	}
	l.counts.spans.Add(uint64(len(spans)))
	var bytes int64
	if l.waiting != nil {
		for i := range spans {
			bytes += spans[i].MemorySize()
		}
		for i := range points {
			bytes += points[i].MemorySize()
		}
	}
	if l.waiting.Take(bytes) {
		if l.side.put(sideBatch{spans, points, bytes}, n) == nil {
			l.followed()
			return
		}
		l.waiting.Give(bytes)
	} else {
		l.cfg.LookupMemory.Refuse()
	}
	l.counts.spansDropped.Add(uint64(n))
}

// View returns the newest published view, which is never nil.
func (l *Live) View() *ring.View { return l.latest.Load().view }

// Epoch returns the name of this run of the conductor.
func (l *Live) Epoch() string { return l.cfg.Epoch }

// Events returns the events of the recent feed after a sequence number: the first limit of them, oldest first. If after
// is 0, the caller has none yet: Events returns the newest limit.
func (l *Live) Events(after uint64, limit int) []FeedEvent {
	n := uint64(max(limit, 0))
	if after == 0 {
		after = l.feed.newest()
		after -= min(after, n)
	}
	return l.feed.read(after+1, after+n)
}

// EventsAbout returns the newest events of the feed that a member emitted, or that concern it, oldest first.
func (l *Live) EventsAbout(id chord.ID, limit int) []FeedEvent { return l.feed.about(id, limit) }

// FeedSeq returns the sequence number of the newest event of the feed; 0 if there is none yet.
func (l *Live) FeedSeq() uint64 { return l.feed.newest() }

// Lookups returns the most recent lookups, oldest first. A lookup whose last spans arrived late is listed twice, the
// second time complete; both entries have the same Trace and Span.
func (l *Live) Lookups(limit int) []lookups.Lookup { return l.done.tail(limit) }

// LookupsUntil returns the newest lookups that had ended by an instant, oldest first. For instants further back than
// Lookups reaches, only a few lookups of each moment are kept, for about an hour.
func (l *Live) LookupsUntil(t time.Time, limit int) []lookups.Lookup {
	ended := func(f lookups.Lookup) bool { return !f.Start.Add(f.Duration).After(t) }
	recent := l.done.tail(lookupsKept)
	out := make([]lookups.Lookup, 0, limit)
	if len(recent) > 0 {
		first := recent[0].Start
		for _, f := range l.memory.tail(lookupsRemembered) {
			if f.Start.Before(first) && ended(f) {
				out = append(out, f)
			}
		}
	}
	for _, f := range recent {
		if ended(f) {
			out = append(out, f)
		}
	}
	return slices.Clone(out[max(0, len(out)-limit):])
}

// LookupsSince returns the lookups after the first n, oldest first, and the number of all lookups until now. Only the
// newest thousand lookups are kept.
func (l *Live) LookupsSince(n uint64) ([]lookups.Lookup, uint64) { return l.done.since(n) }

// SamplesSince returns the samples after the first n, oldest first, and the number of all samples until now.
func (l *Live) SamplesSince(n uint64) ([]Sample, uint64) { return l.samples.since(n) }

// Samples returns the chart history, oldest first, at most an hour.
func (l *Live) Samples() []Sample { return l.samples.tail(samplesKept) }
