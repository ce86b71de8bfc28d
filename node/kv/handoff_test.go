package kv

import (
	"context"
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/embedded"
	"go.opentelemetry.io/otel/trace/noop"

	"chordconductor/node/chord"
	"chordconductor/node/kv/terms"
	"chordconductor/node/nodepb"
	"chordconductor/node/wire"
	"chordconductor/otel/chordevent"
)

// moveSpans is a tracer that keeps the spans of handoffs, and samples everything.
type moveSpans struct {
	embedded.Tracer
	all []*moveSpan
}

type moveSpan struct {
	trace.Span
	sc, parent trace.SpanContext
	attrs      map[attribute.Key]attribute.Value
	status     string
	ended      int
}

func (r *moveSpans) Start(ctx context.Context, _ string, opts ...trace.SpanStartOption) (context.Context, trace.Span) {
	s := &moveSpan{Span: noop.Span{}, parent: trace.SpanContextFromContext(ctx), attrs: map[attribute.Key]attribute.Value{}}
	cfg := trace.NewSpanStartConfig(opts...)
	s.SetAttributes(cfg.Attributes()...)
	r.all = append(r.all, s)
	s.sc = trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1}, SpanID: trace.SpanID(binary.BigEndian.AppendUint64(nil, uint64(len(r.all)))), TraceFlags: trace.FlagsSampled,
	})
	return trace.ContextWithSpan(ctx, s), s
}

func (s *moveSpan) SpanContext() trace.SpanContext         { return s.sc }
func (s *moveSpan) IsRecording() bool                      { return true }
func (s *moveSpan) SetStatus(code codes.Code, text string) { s.status = code.String() + ": " + text }
func (s *moveSpan) End(...trace.SpanEndOption)             { s.ended++ }
func (s *moveSpan) SetAttributes(kv ...attribute.KeyValue) {
	for _, a := range kv {
		s.attrs[a.Key] = a.Value
	}
}

func (s *moveSpan) attr(key attribute.Key) string { return s.attrs[key].String() }

// TestBothSidesOfAHandoffHaveASpan: a handoff has two spans, one within the other, with the same attributes.
func TestBothSidesOfAHandoffHaveASpan(t *testing.T) {
	s, w := wideSpace(), newFakeWorld()
	peerA, peerB := chord.Peer{ID: s.FromUint64(1), Addr: "a", Incarnation: 1}, chord.Peer{ID: s.Hash([]byte("b")), Addr: "b", Incarnation: 1}
	cfg := Config{Space: s, Replicas: 2}
	a, _ := w.add(t, terms.Ownership{Owner: peerA, From: peerA.ID, Epoch: 1}, cfg, peerB)
	b, _ := w.add(t, terms.Ownership{Owner: peerB}, cfg, peerA)
	spans := &moveSpans{}
	a.tel.tracer, b.tel.tracer = spans, spans
	for n := range 3000 { // several batches
		if _, err := a.merge(record(s, n, 1), forKeeps); err != nil {
			t.Fatal(err)
		}
	}
	if r, err := a.Claim(t.Context(), &nodepb.ClaimRequest{Call: b.member.Call(a.self)}); err != nil || !r.Accepted {
		t.Fatalf("claim: %v, %v", r, err)
	}
	if len(spans.all) != 2 {
		t.Fatalf("%d spans, want the source's and the receiver's", len(spans.all))
	}
	out, in := spans.all[0], spans.all[1]
	if in.parent.SpanID() != out.sc.SpanID() || out.parent.IsValid() {
		t.Errorf("the receiver's span hangs on %v, the source's is %v and hangs on %v", in.parent.SpanID(), out.sc.SpanID(), out.parent.SpanID())
	}
	for _, side := range spans.all {
		if side.ended != 1 || side.status != "" || side.attr(chordevent.OutcomeKey) != chordevent.OutcomeOK || side.attr(chordevent.MoveReasonKey) != "join" {
			t.Errorf("%v: ended %d times, %q", side.attrs, side.ended, side.status)
		}
	}
	for _, key := range []attribute.Key{chordevent.MoveIDKey, chordevent.MoveKeysKey, chordevent.MoveBytesKey} {
		if in.attr(key) != out.attr(key) || in.attr(key) == "" || in.attr(key) == "0" {
			t.Errorf("%s: %s at the source, %s at the receiver", key, out.attr(key), in.attr(key))
		}
	}
	if out.attr(chordevent.MoveDirectionKey) != "out" || out.attr(chordevent.PeerIDKey) != s.Format(b.self.ID) ||
		in.attr(chordevent.MoveDirectionKey) != "in" || in.attr(chordevent.PeerIDKey) != s.Format(a.self.ID) {
		t.Errorf("sides: %v and %v", out.attrs, in.attrs)
	}
}

// TestSpanOfAHandoffThatIsNotCompleted: whichever way a handoff to a member ends, its span ends once, with the reason;
// a member has at most one open.
func TestSpanOfAHandoffThatIsNotCompleted(t *testing.T) {
	step := func(t *testing.T, a, b *Keeper, id string, phase nodepb.MoveRequest_Phase) nodepb.MoveResponse_Outcome {
		t.Helper()
		grant := terms.Ownership{Owner: b.self, From: a.self.ID, Epoch: 2}
		r, err := b.Move(t.Context(), &nodepb.MoveRequest{
			Call: a.member.Call(b.self), MoveId: id, Phase: phase, Grant: wire.Ownership(grant), RangeTo: b.self.ID[:], Reason: nodepb.MoveRequest_REASON_JOIN,
		})
		if err != nil {
			t.Fatal(err)
		}
		return r.Outcome
	}
	watch := func(t *testing.T, b *Keeper) {
		t.Helper()
		if err := b.watchIn(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		then func(t *testing.T, w *fakeWorld, a, b *Keeper)
		want error // nil: it is open
	}{
		"its source gives it up": {func(t *testing.T, _ *fakeWorld, a, b *Keeper) {
			step(t, a, b, "one", nodepb.MoveRequest_PHASE_ABORT)
		}, errAbandons},
		"its source begins another": {func(t *testing.T, _ *fakeWorld, a, b *Keeper) {
			step(t, a, b, "two", nodepb.MoveRequest_PHASE_BEGIN)
		}, errAnew},
		"its source dies": {func(t *testing.T, w *fakeWorld, a, b *Keeper) {
			delete(w.keepers, a.self.Addr)
			w.now = w.now.Add(2 * b.cfg.CallLimit)
			watch(t, b)
		}, terms.ErrDead},
		"its source has forgotten it": {func(t *testing.T, w *fakeWorld, _, b *Keeper) {
			w.now = w.now.Add(2 * b.cfg.CallLimit)
			watch(t, b)
		}, errAbandons},
		"the member ends": {func(t *testing.T, _ *fakeWorld, a, b *Keeper) {
			b.closeIn()
			step(t, a, b, "one", nodepb.MoveRequest_PHASE_ABORT) // was under way
			if got := step(t, a, b, "two", nodepb.MoveRequest_PHASE_BEGIN); got != nodepb.MoveResponse_OUTCOME_REFUSED {
				t.Errorf("a handoff was accepted after the end: %v", got)
			}
		}, errEnded},
		"the next batch is late": {func(t *testing.T, w *fakeWorld, a, b *Keeper) {
			delete(w.keepers, a.self.Addr)
			w.now = w.now.Add(2*b.cfg.CallLimit - time.Millisecond)
			watch(t, b)
		}, nil},
		"another member begins one": {func(t *testing.T, w *fakeWorld, a, b *Keeper) {
			other, _ := w.add(t, terms.Ownership{Owner: chord.Peer{ID: wideSpace().FromUint64(9), Addr: "other", Incarnation: 1}}, a.cfg, b.self)
			if got := step(t, other, b, "three", nodepb.MoveRequest_PHASE_BEGIN); got != nodepb.MoveResponse_OUTCOME_REFUSED {
				t.Errorf("it was accepted: %v", got)
			}
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w, a, b, _ := pair(t)
			spans := &moveSpans{}
			b.tel.tracer = spans
			if got := step(t, a, b, "one", nodepb.MoveRequest_PHASE_BEGIN); got != nodepb.MoveResponse_OUTCOME_OK {
				t.Fatalf("begin: %v", got)
			}
			c.then(t, w, a, b)
			first, open := spans.all[0], 0
			for _, s := range spans.all {
				if s.ended == 0 {
					open++
				}
			}
			if open > 1 {
				t.Errorf("%d spans are open", open)
			}
			if c.want == nil {
				if first.ended != 0 {
					t.Errorf("it has ended: %s", first.status)
				}
				return
			}
			want := codes.Error.String() + ": " + c.want.Error()
			if errors.Is(c.want, terms.ErrDead) {
				want += ": no answer from a"
			}
			if first.ended != 1 || first.status != want || first.attr(chordevent.OutcomeKey) != chordevent.OutcomeFailed {
				t.Errorf("ended %d times, %q, %v; want %q", first.ended, first.status, first.attrs, want)
			}
		})
	}
}
