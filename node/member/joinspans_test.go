package member_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"

	"chordconductor/node/member"
	"chordconductor/node/nodepb"
	"chordconductor/node/simenv"
	"chordconductor/otel/chordevent"
)

// A join, the claim of the joiner's range and the move of the keys are in one trace if no step waits for long: the move
// is a child of the join of its receiver, whichever member sends.
func TestJoinAndKeyMoveAreOneTrace(t *testing.T) {
	w := newSimWorld(t, simenv.Config{Seed: 3})
	rec := &spanRecorder{}
	w.spans = rec
	f := newFleet(t, w, member.Config{Stabilize: 500 * time.Millisecond}, 10)
	f.ideal(30 * time.Second)
	f.rest(5 * time.Second)
	joins, recorded := map[trace.TraceID]*recordedSpan{}, map[trace.SpanID]bool{}
	for _, s := range rec.spans {
		recorded[s.sc.SpanID()] = true
		if s.name == chordevent.SpanJoin {
			joins[s.sc.TraceID()] = s
		}
	}
	// Moves by their source's span, and the receivers' spans.
	sent, received := map[trace.SpanID]*recordedSpan{}, []*recordedSpan(nil)
	for _, s := range rec.spans {
		if s.parent.IsValid() && !recorded[s.parent.SpanID()] {
			t.Errorf("%s of %v has a parent that is not recorded", s.name, s.attrs[chordevent.NodeIDKey])
		}
		if s.name != chordevent.SpanKeysMove {
			continue
		}
		if s.attrs[chordevent.MoveDirectionKey].AsString() == "in" {
			received = append(received, s)
			continue
		}
		sent[s.sc.SpanID()] = s
		join := joins[s.sc.TraceID()]
		if join == nil {
			t.Errorf("a move to %v is in no join's trace", s.attrs[chordevent.PeerIDKey])
		} else if join.attrs[chordevent.NodeIDKey] != s.attrs[chordevent.PeerIDKey] {
			t.Errorf("a move to %v is in the trace of the join of %v", s.attrs[chordevent.PeerIDKey], join.attrs[chordevent.NodeIDKey])
		}
	}
	if len(sent) < 9 || len(received) != len(sent) {
		t.Errorf("%d moves for 9 joins, received %d", len(sent), len(received))
	}
	for _, in := range received {
		out := sent[in.parent.SpanID()] // there are no spans of RPCs in between here
		switch {
		case out == nil:
			t.Errorf("the receive span of %v has no move as its parent", in.attrs[chordevent.NodeIDKey])
		case in.attrs[chordevent.MoveIDKey] != out.attrs[chordevent.MoveIDKey],
			in.attrs[chordevent.NodeIDKey] != out.attrs[chordevent.PeerIDKey], in.attrs[chordevent.PeerIDKey] != out.attrs[chordevent.NodeIDKey],
			in.attrs[chordevent.MoveKeysKey] != out.attrs[chordevent.MoveKeysKey], in.attrs[chordevent.OutcomeKey].AsString() != chordevent.OutcomeOK:
			t.Errorf("the sides of a move differ: out %v, in %v", out.attrs, in.attrs)
		case in.start.Before(out.start), in.end.After(out.end), in.failed:
			t.Errorf("move %v: out from %v to %v, in from %v to %v", out.attrs[chordevent.MoveIDKey], out.start, out.end, in.start, in.end)
		}
	}
}

// slowMover delays each step of a move.
type slowMover struct {
	nodepb.KeysServer
	pause func() error
}

func (s slowMover) Move(ctx context.Context, q *nodepb.MoveRequest) (*nodepb.MoveResponse, error) {
	if err := s.pause(); err != nil {
		return nil, err
	}
	return s.KeysServer.Move(ctx, q)
}

// A join that waits for long until its range can move, since the owner hands over to others first, does not have the
// move in its trace. Then the joiner's span that receives the range links to the join.
func TestMoveThatComesLateLinksToItsJoin(t *testing.T) {
	w := newSimWorld(t, simenv.Config{Seed: 3})
	rec := &spanRecorder{}
	w.spans = rec
	f := &fleet{t: t, w: w, cfg: member.Config{Stabilize: 500 * time.Millisecond}}
	of := func(k nodepb.KeysServer) *host {
		return f.hosts[slices.IndexFunc(f.hosts, func(h *host) bool { return h.Host == k })]
	}
	w.keys = func(k nodepb.KeysServer) nodepb.KeysServer {
		return slowMover{k, func() error { return of(k).faults.Sleep(250 * time.Millisecond) }}
	}
	f.add(10)
	f.ideal(10 * time.Minute)
	f.rest(5 * time.Second)
	joins := map[trace.TraceID]*recordedSpan{}
	for _, s := range rec.spans {
		if s.name == chordevent.SpanJoin {
			joins[s.sc.TraceID()] = s
		}
	}
	within, linked := 0, 0
	for _, s := range rec.spans {
		if s.name != chordevent.SpanKeysMove || s.attrs[chordevent.MoveDirectionKey].AsString() != "in" || s.attrs[chordevent.MoveReasonKey].AsString() != "join" {
			continue
		}
		join := joins[s.sc.TraceID()]
		switch {
		case join != nil && len(s.links) == 0:
			within++
		case join == nil && len(s.links) == 1:
			linked++
			join = joins[s.links[0].SpanContext.TraceID()]
		}
		if join == nil || join.attrs[chordevent.NodeIDKey] != s.attrs[chordevent.NodeIDKey] {
			t.Errorf("the receive span of %v belongs to no join of it: links %v", s.attrs[chordevent.NodeIDKey], s.links)
		}
	}
	if within == 0 || linked == 0 {
		t.Errorf("%d moves are within the trace of their join, %d link to it", within, linked)
	}
}
