package live

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"chordconductor/conductor/internal/otlptest"
	"chordconductor/conductor/ring"
	"chordconductor/node/simenv"
	"chordconductor/otel/chordevent"
)

// In a simulated world only the world drives the fold: what is offered is folded when Offer returns, a member becomes
// silent by the world's time, and a state is published at each interval.
func TestWorldDrivesTheFold(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := simenv.New(simenv.Config{})
		defer w.Close()
		l, err := New(Config{World: w})
		if err != nil {
			rt.Fatal(err)
		}
		l.Follow()
		members := rapid.IntRange(1, 12).Draw(rt, "members")
		_, events := otlptest.Ring(members, 4, w.Now())
		var applied uint64
		for len(events) > 0 {
			n := rapid.IntRange(1, len(events)).Draw(rt, "batch")
			batch := append([]chordevent.Event(nil), events[:n]...)
			events = events[n:]
			w.At(time.Duration(rapid.IntRange(0, 1000).Draw(rt, "ms"))*time.Millisecond, func() {
				if err := l.Offer(batch, w.Now()); err != nil {
					rt.Error(err)
				}
				applied += uint64(n)
				if l.Refresh(); l.Stats().Applied != applied {
					rt.Errorf("%d events applied after an offer, expected %d", l.Stats().Applied, applied)
				}
			})
			w.Run(time.Duration(rapid.IntRange(0, 400).Draw(rt, "wait")) * time.Millisecond)
		}
		w.Run(2 * time.Second)
		if v := l.View(); v.Counts.Active != members || w.Now().Sub(v.Time) > advanceEvery {
			rt.Errorf("%d of %d members, %v late", v.Counts.Active, members, w.Now().Sub(v.Time))
		}
		if n := len(l.Samples()); n < 1 || n > 3+int(w.Elapsed()/time.Second) {
			rt.Errorf("%d samples of %v", n, w.Elapsed())
		}
		w.Run(40 * time.Second)
		for _, m := range l.View().Members {
			if m.Status != ring.Silent {
				rt.Errorf("a member is %v after 40 s without telemetry", m.Status)
			}
		}
	})
}
