package otel

import (
	"fmt"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"chordconductor/otel/chordevent"
)

// sampler decides when a span starts, from the span's name, its parent, and the outcome with which
// it starts, if any:
//
//   - Changes and failures are kept, whether or not the parent is: joins, leaves, moves and repairs
//     of keys, and spans that start with the outcome changed or failed. So a failed lookup has one
//     span even if it was not sampled, and so has a change of a pointer that was caused by a round
//     without changes on another member.
//   - Any other span with a parent, local or remote, is sampled if the parent is.
//   - Spans without a parent: lookups, gets, puts and deletes are sampled at a rate per second, and
//     always if a user asked for the trace (chordevent.Keep); maintenance rounds are sampled at a
//     ratio.
//   - Other spans without a parent, such as that of an RPC in a round that is not sampled, are
//     never sampled.
type sampler struct {
	lookups *limiter
	quiet   sdktrace.Sampler // samples a ratio of the trace identifiers
	about   string
}

func newSampler(s Sampling, now func() time.Time) *sampler {
	return &sampler{
		lookups: newLimiter(s.Lookups, now),
		quiet:   sdktrace.TraceIDRatioBased(s.Quiet),
		about:   fmt.Sprintf("ChordSampler{lookups:%g/s,quiet:%g}", max(s.Lookups, 0), max(s.Quiet, 0)),
	}
}

func (s *sampler) Description() string { return s.about }

func (s *sampler) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	parent := trace.SpanContextFromContext(p.ParentContext)
	result := sdktrace.SamplingResult{Decision: sdktrace.Drop, Tracestate: parent.TraceState()}
	if s.keep(p, parent) {
		result.Decision = sdktrace.RecordAndSample
	}
	return result
}

func (s *sampler) keep(p sdktrace.SamplingParameters, parent trace.SpanContext) bool {
	if parent.IsSampled() {
		return true
	}
	kind := kinds[p.Name]
	switch kind {
	case foreign:
		return false
	case change:
		return true
	}
	switch outcomeOf(p.Attributes) {
	case chordevent.OutcomeChanged, chordevent.OutcomeFailed:
		return true
	}
	if parent.IsValid() {
		return false
	}
	switch kind {
	case lookup:
		return chordevent.Kept(p.ParentContext) || s.lookups.allow()
	case round:
		return s.quiet.ShouldSample(p).Decision == sdktrace.RecordAndSample
	default:
		return false // a hop whose lookup has no span
	}
}

func outcomeOf(attrs []attribute.KeyValue) string {
	for i := range attrs {
		if attrs[i].Key == chordevent.OutcomeKey {
			return attrs[i].Value.AsString()
		}
	}
	return ""
}

type kind uint8

const (
	foreign kind = iota // the span is not an operation of a member
	lookup
	hop
	round
	change
)

var kinds = map[string]kind{
	chordevent.SpanLookup:           lookup,
	chordevent.SpanGet:              lookup,
	chordevent.SpanPut:              lookup,
	chordevent.SpanDelete:           lookup,
	chordevent.SpanLookupHop:        hop,
	chordevent.SpanStabilize:        round,
	chordevent.SpanRectify:          round,
	chordevent.SpanFixFingers:       round,
	chordevent.SpanCheckPredecessor: round,
	chordevent.SpanCheckSuspect:     round,
	chordevent.SpanProbe:            round,
	chordevent.SpanHint:             round,
	chordevent.SpanMerge:            round,
	chordevent.SpanJoin:             change,
	chordevent.SpanLeave:            change,
	chordevent.SpanKeysMove:         change,
	chordevent.SpanRepair:           change,
}

// limiter lets a number of events per second pass, with bursts of up to one second's number. It is
// the generic cell rate algorithm: its whole state is the theoretical arrival time of the next
// event.
type limiter struct {
	now      func() time.Time
	start    time.Time
	interval time.Duration // between two events at the full rate; 0: none pass
	burst    time.Duration // how far the field next may be later than now
	next     atomic.Int64  // nanoseconds since start
}

func newLimiter(perSecond float64, now func() time.Time) *limiter {
	l := &limiter{now: now, start: now()}
	if perSecond > 0 {
		l.interval = max(time.Duration(float64(time.Second)/perSecond), 1)
		l.burst = max(time.Second-l.interval, 0)
	}
	return l
}

func (l *limiter) allow() bool {
	if l.interval == 0 {
		return false
	}
	now := int64(l.now().Sub(l.start))
	for {
		next := l.next.Load()
		from := max(next, now)
		if from-now > int64(l.burst) {
			return false
		}
		if l.next.CompareAndSwap(next, from+int64(l.interval)) {
			return true
		}
	}
}
