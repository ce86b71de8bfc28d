package member_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/embedded"
	"go.opentelemetry.io/otel/trace/noop"

	"chordconductor/node/member"
	"chordconductor/node/simenv"
	"chordconductor/otel/chordevent"
)

// spanRecorder is a provider that stores all spans, and samples by the rules of package otel as far as members rely on
// them: a child is sampled with its parent, changes and lookups are sampled, quiet rounds are not.
type spanRecorder struct {
	embedded.TracerProvider
	failedLookupsOnly bool

	ids   uint64
	spans []*recordedSpan // sampled and ended
}

func (r *spanRecorder) Tracer(string, ...trace.TracerOption) trace.Tracer { return spanTracer{r: r} }

type spanTracer struct {
	embedded.Tracer
	r *spanRecorder
}

type recordedSpan struct {
	trace.Span // what is not recorded
	r          *spanRecorder
	sc, parent trace.SpanContext
	name       string
	start, end time.Time
	failed     bool
	attrs      map[attribute.Key]attribute.Value
	links      []trace.Link
}

func (t spanTracer) Start(ctx context.Context, name string, opts ...trace.SpanStartOption) (context.Context, trace.Span) {
	cfg := trace.NewSpanStartConfig(opts...)
	parent := trace.SpanContextFromContext(ctx)
	if cfg.NewRoot() {
		parent = trace.SpanContext{}
	}
	s := &recordedSpan{Span: noop.Span{}, r: t.r, parent: parent, name: name, start: cfg.Timestamp(), attrs: map[attribute.Key]attribute.Value{}}
	s.SetAttributes(cfg.Attributes()...)
	t.r.ids++
	sc := trace.SpanContextConfig{TraceID: parent.TraceID(), SpanID: trace.SpanID(binary.BigEndian.AppendUint64(nil, t.r.ids))}
	if !parent.IsValid() {
		sc.TraceID = trace.TraceID(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, 1), t.r.ids))
	}
	outcome := s.attrs[chordevent.OutcomeKey].AsString()
	if parent.IsSampled() || !parent.IsValid() && outcome != chordevent.OutcomeQuiet && outcome != chordevent.OutcomeBusy {
		sc.TraceFlags = trace.FlagsSampled
	}
	if t.r.failedLookupsOnly && name == chordevent.SpanLookup && outcome != chordevent.OutcomeFailed {
		sc.TraceFlags = 0
	}
	s.sc = trace.NewSpanContext(sc)
	return trace.ContextWithSpan(ctx, s), s
}

func (s *recordedSpan) SpanContext() trace.SpanContext      { return s.sc }
func (s *recordedSpan) AddLink(l trace.Link)                { s.links = append(s.links, l) }
func (s *recordedSpan) IsRecording() bool                   { return s.sc.IsSampled() }
func (s *recordedSpan) SetStatus(code codes.Code, _ string) { s.failed = code == codes.Error }
func (s *recordedSpan) SetAttributes(kv ...attribute.KeyValue) {
	for _, a := range kv {
		s.attrs[a.Key] = a.Value
	}
}
func (s *recordedSpan) End(opts ...trace.SpanEndOption) {
	cfg := trace.NewSpanEndConfig(opts...)
	s.end = cfg.Timestamp()
	if s.IsRecording() {
		s.r.spans = append(s.r.spans, s)
	}
}

// A recursive lookup is one trace: the span of each hop is the child of the span of the hop before, and names its
// member and its pointer.
func TestLookupSpansNest(t *testing.T) {
	w := newSimWorld(t, simenv.Config{Seed: 1, Delay: simenv.Fixed(5 * time.Millisecond)})
	rec := &spanRecorder{}
	w.spans = rec
	f := newFleet(t, w, ringOnly, 32)
	f.ideal(20 * time.Second)
	f.rest(5 * time.Second)
	space := f.hosts[0].Space()
	longest := 0
	for n := range 50 {
		h := f.hosts[n%len(f.hosts)]
		rec.spans = nil
		var l member.Lookup
		f.w.do(t, h, func(ctx context.Context) {
			var err error
			if l, err = h.Any().Find(ctx, space.Hash(fmt.Append(nil, n)), member.Recursive); err != nil {
				t.Error(err)
			}
		})
		w.Run(50 * time.Millisecond) // the last hops end
		byHop := map[int64]*recordedSpan{}
		for _, s := range rec.spans {
			switch {
			case s.sc.TraceID() != l.Trace: // another operation's
			case s.name == chordevent.SpanLookup:
				byHop[0] = s
			case s.name == chordevent.SpanLookupHop:
				byHop[s.attrs[chordevent.LookupHopKey].AsInt64()] = s
			}
		}
		if len(byHop) != len(l.Path) {
			t.Fatalf("lookup %d: %d spans for a path of %d", n, len(byHop), len(l.Path))
		}
		longest = max(longest, len(l.Path))
		for i, hop := range l.Path {
			s := byHop[int64(i)]
			if s.attrs[chordevent.NodeIDKey].AsString() != space.Format(hop.Peer.ID) || s.attrs[chordevent.LookupPointerKey].AsString() == "" {
				t.Errorf("lookup %d, hop %d: %v", n, i, s.attrs)
			}
			if s.end.Before(s.start) || s.failed {
				t.Errorf("lookup %d, hop %d: from %v to %v, failed %v", n, i, s.start, s.end, s.failed)
			}
			if i == 0 {
				continue
			}
			if before := byHop[int64(i-1)]; s.parent.SpanID() != before.sc.SpanID() {
				t.Errorf("lookup %d: hop %d is not a child of hop %d", n, i, i-1)
			} else if before.attrs[chordevent.PeerIDKey] != s.attrs[chordevent.NodeIDKey] {
				t.Errorf("lookup %d: hop %d chose %v, and %v came", n, i-1, before.attrs[chordevent.PeerIDKey], s.attrs[chordevent.NodeIDKey])
			}
		}
	}
	if longest < 4 {
		t.Errorf("the longest path has %d members", longest)
	}
}

// While the ring does not change, maintenance makes no traces. A round that changes something is a trace that begins at
// the start of the round, and all events of the change belong to it.
func TestMaintenanceTracesOnlyChanges(t *testing.T) {
	w := newSimWorld(t, simenv.Config{Seed: 2})
	rec := &spanRecorder{}
	w.spans = rec
	f := newFleet(t, w, ringOnly, 12)
	f.ideal(20 * time.Second)
	f.rest(30 * time.Second)
	rec.spans = nil
	f.rest(20 * time.Second)
	if len(rec.spans) > 0 {
		t.Errorf("%d spans of a ring at rest, the first %s %v", len(rec.spans), rec.spans[0].name, rec.spans[0].attrs)
	}
	f.crash(f.hosts[3])
	f.ideal(20 * time.Second)
	counts := map[string]int{}
	for _, s := range rec.spans {
		counts[s.name]++
		if s.name == chordevent.SpanStabilize && s.end.Sub(s.start) < 0 {
			t.Errorf("a round from %v to %v", s.start, s.end)
		}
	}
	if counts[chordevent.SpanStabilize] == 0 || counts[chordevent.SpanCheckPredecessor] == 0 {
		t.Errorf("after a crash: %v", counts)
	}
}

// A lookup that fails is exported even if it was not sampled: as one span, with the known part of its path.
func TestFailedLookupIsExported(t *testing.T) {
	w := newSimWorld(t, simenv.Config{Seed: 2})
	rec := &spanRecorder{failedLookupsOnly: true}
	w.spans = rec
	cfg := ringOnly
	cfg.LookupLimit = 400 * time.Millisecond // less than it takes to find out that all others are gone
	f := newFleet(t, w, cfg, 8)
	f.ideal(20 * time.Second)
	h, key := f.hosts[0], f.hosts[5].Members()[0].Self().ID
	f.partition(f.hosts[:1], f.hosts[1:], true)
	rec.spans = nil
	var err error
	f.w.do(t, h, func(ctx context.Context) { _, err = h.Any().Find(ctx, key, member.Recursive) })
	if err == nil {
		t.Fatal("a lookup succeeds though no other member answers")
	}
	var exported []*recordedSpan
	for _, s := range rec.spans {
		if s.name == chordevent.SpanLookup {
			exported = append(exported, s)
		}
	}
	if len(exported) != 1 || !exported[0].failed || len(exported[0].attrs[chordevent.LookupPathKey].AsStringSlice()) == 0 {
		t.Errorf("the failed lookup has %d spans: %v", len(exported), exported)
	}
}
