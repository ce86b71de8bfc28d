package hub

import (
	"context"
	"testing"
	"time"

	"chordconductor/conductor/internal/otlptest"
	"chordconductor/conductor/live"
	"chordconductor/otel/chordevent"
)

// folded returns a live view of an ideal ring whose fold goroutine has stopped.
func folded(b *testing.B, members int) *live.Live {
	b.Helper()
	l, err := live.New(live.Config{})
	if err != nil {
		b.Fatal(err)
	}
	_, events := otlptest.Ring(members, 8, time.Now())
	if err := l.Offer(events, time.Now()); err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := l.Run(ctx); err != nil {
		b.Fatal(err)
	}
	return l
}

// BenchmarkSnapshot encodes the snapshot of 10,000 members, which happens at most once per frame. The target is 1 MB.
func BenchmarkSnapshot(b *testing.B) {
	r := newFrameLog(folded(b, 10_000), Config{Simulation: noSimulation, HistoryFrom: noHistory, HistoryDamage: noDamage})
	var size int
	for b.Loop() {
		r.snapshot = nil
		size = len(r.whole().data)
	}
	b.ReportMetric(float64(size), "B/snapshot")
}

// BenchmarkFrame makes a patch of 10,000 members, 100 of which have a new load. A running hub does so twenty times a
// second.
func BenchmarkFrame(b *testing.B) {
	const members = 10_000
	l, err := live.New(live.Config{})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- l.Run(ctx) }()
	b.Cleanup(func() {
		cancel()
		<-done
	})
	sub := l.Subscribe()
	defer sub.Close()
	ring, events := otlptest.Ring(members, 8, time.Now())
	if err := l.Offer(events, time.Now()); err != nil {
		b.Fatal(err)
	}
	for len(l.View().Members) < members {
		<-sub.C()
	}
	r := newFrameLog(l, Config{Simulation: noSimulation, HistoryFrom: noHistory, HistoryDamage: noDamage})
	var size, n int
	for b.Loop() {
		b.StopTimer()
		var loads []chordevent.Event
		for i := range 100 {
			n++
			loads = append(loads, ring[i*97].Event(time.Now(), chordevent.NodeLoad{Load: chordevent.Load{OwnedKeys: int64(n)}}))
		}
		if err := l.Offer(loads, time.Now()); err != nil {
			b.Fatal(err)
		}
		for l.Stats().Applied < uint64(members+n) {
			<-sub.C()
		}
		b.StartTimer()
		r.advance()
		size = len(r.frames[len(r.frames)-1].patch.data)
	}
	b.ReportMetric(float64(size), "B/patch")
}
