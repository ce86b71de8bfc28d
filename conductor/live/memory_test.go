package live

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"

	"chordconductor/conductor/internal/otlptest"
	"chordconductor/conductor/lookups"
	"chordconductor/conductor/memory"
	"chordconductor/conductor/ring"
	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// fat returns an event with the longest list of peers and addresses that an event may carry.
func fat(m *otlptest.Member) chordevent.Event {
	list := make([]chordevent.PeerRef, chordevent.MaxSuccessors)
	for i := range list {
		list[i] = chordevent.PeerRef{Peer: chord.Peer{ID: chord.ID{byte(i), 1}, Addr: strings.Repeat("a", chordevent.MaxText), Incarnation: 1}}
	}
	return m.Event(time.Now(), chordevent.SuccessorsChanged{Successors: list})
}

// The queue is bounded in bytes: few fat events fill it, and their memory is free again once they are folded.
func TestQueueIsBoundedInBytes(t *testing.T) {
	share := memory.NewShare("events", 1<<20)
	l, err := New(Config{QueueMemory: share})
	if err != nil {
		t.Fatal(err)
	}
	m := otlptest.NewMember(0, 1, 1)
	taken := 0
	for ; taken < 1000; taken++ {
		if err := l.Offer([]chordevent.Event{fat(m)}, time.Now()); err != nil {
			if !errors.Is(err, ErrFull) {
				t.Fatal(err)
			}
			break
		}
	}
	if taken < 5 || taken > 20 || share.Used() > share.Limit() {
		t.Errorf("%d events of some 80 kB each were accepted, %d bytes of %d", taken, share.Used(), share.Limit())
	}
	l.fold(context.Background())
	if share.Used() != 0 {
		t.Errorf("%d bytes are held after all was folded", share.Used())
	}
	if err := l.Offer([]chordevent.Event{fat(m)}, time.Now()); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// The queue does not keep folded events.
func TestQueueLetsGo(t *testing.T) {
	l, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	m := otlptest.NewMember(0, 1, 1)
	for range 3 {
		for range 10 {
			if err := l.Offer([]chordevent.Event{fat(m)}, time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		l.fold(context.Background())
		for _, kept := range [][]batch{l.events.items[:cap(l.events.items)], l.events.spare[:cap(l.events.spare)]} {
			for _, b := range kept {
				if b.events != nil {
					t.Fatal("events that were folded are still there")
				}
			}
		}
	}
}

// The feed is bounded in bytes: fat events displace older ones, and the sequence numbers stay right.
func TestFeedIsBoundedInBytes(t *testing.T) {
	share := memory.NewShare("feed", 1<<20)
	f := &feed{memory: share}
	m := otlptest.NewMember(0, 1, 1)
	const n = feedSize + 500
	for i := range n {
		ev := m.Event(time.Now(), chordevent.Joined{})
		if i%10 == 0 {
			ev = fat(m)
		}
		f.add(&ev, time.Now())
		if share.Used() > share.Limit() {
			t.Fatalf("the feed takes %d bytes of %d", share.Used(), share.Limit())
		}
	}
	got := f.read(1, n)
	if len(got) < 20 || len(got) > 500 || got[len(got)-1].Seq != n || got[0].Seq != n-uint64(len(got))+1 {
		t.Errorf("%d events are there, %d to %d", len(got), got[0].Seq, got[len(got)-1].Seq)
	}
	if about := f.about(m.Peer.ID, n); len(about) != len(got) {
		t.Errorf("%d events of %d are about the member", len(about), len(got))
	}
}

// The memory of lookups is bounded whatever their spans contain: that of waiting spans, of traces being assembled and
// of finished lookups.
func TestLookupsAreBoundedInBytes(t *testing.T) {
	share := memory.NewShare("lookups", 4<<20)
	l, err := New(Config{LookupMemory: share})
	if err != nil {
		t.Fatal(err)
	}
	long := func() string { return strings.Clone(strings.Repeat("x", 256)) }
	for round := range 20 {
		for i := range 500 {
			id := trace.TraceID{byte(i), byte(i >> 8), byte(round), 1}
			spans := []lookups.Span{{
				Trace: id, ID: trace.SpanID{1}, Name: chordevent.SpanLookup, Start: time.Now(), Mode: long(), Err: long(), Outcome: long(),
				Path: make([]chord.ID, 512),
			}}
			for k := range 5 {
				spans = append(spans, lookups.Span{
					Trace: id, ID: trace.SpanID{byte(k), 2}, Name: chordevent.SpanLookupHop, Index: k + 1, Pointer: long(), Mode: long(),
				})
			}
			l.OfferSpans(spans, nil)
			if l.waiting.Used() > share.Limit()/4 {
				t.Fatalf("%d bytes wait", l.waiting.Used())
			}
		}
		l.fold(context.Background())
		l.assembler.Advance(time.Now())
		for _, found := range l.assembler.Advance(time.Now().Add(time.Hour)) {
			l.done.add(found)
			l.memory.add(found)
		}
		l.weigh()
		if share.Used() > share.Limit() {
			t.Fatalf("lookups take %d bytes of %d", share.Used(), share.Limit())
		}
	}
	if len(l.Lookups(100)) == 0 || share.Used() < share.Limit()/8 {
		t.Errorf("%d lookups are there, in %d bytes", len(l.Lookups(100)), share.Used())
	}
	if l.Stats().SpansDropped == 0 {
		t.Error("nothing was dropped")
	}
}

// The memory of the fold is reported, with the events that it refused.
func TestFoldIsReported(t *testing.T) {
	share := memory.NewShare("fold", 1<<20)
	l, err := New(Config{FoldMemory: share, Ring: ring.Options{MaxBytes: share.Limit()}})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		if err := l.Offer([]chordevent.Event{fat(otlptest.NewMember(i, 100, 1))}, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	l.fold(context.Background())
	if share.Used() == 0 || share.Used() > share.Limit() || l.ring.Crowded() == 0 {
		t.Errorf("%d bytes of %d, %d events were refused", share.Used(), share.Limit(), l.ring.Crowded())
	}
}
