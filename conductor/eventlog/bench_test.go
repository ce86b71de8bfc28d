package eventlog

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"chordconductor/conductor/ring/ringtest"
	"chordconductor/internal/cputime"
	"chordconductor/otel/chordevent"
)

// anHour records an hour of a ring of 1,000 members with r = 8: every member emits its load each second and a keyframe
// every ten, and one member joins and one crashes each second.
func anHour(b *testing.B, dir string) *History {
	h := mustOpen(b, Options{Dir: dir, MaxBytes: 1 << 30})
	churning := ringtest.NewChurningRing(1000, func(ev *chordevent.Event) { h.Append(ev, ev.Time) })
	h.Flush()
	for range 3600 {
		churning.Second(1)
		for k := range 5 {
			h.Advance(churning.Now.Add(time.Duration(k-4) * 200 * time.Millisecond))
		}
		h.Flush()
	}
	if s := h.Stats(); s.Dropped+s.Failed > 0 || s.To.Sub(s.From) < time.Hour {
		b.Fatalf("%+v", s)
	}
	return h
}

// BenchmarkSeek seeks to random instants of an hour.
func BenchmarkSeek(b *testing.B) {
	for _, kind := range []string{"memory", "disk"} {
		dir := ""
		if kind == "disk" {
			dir = b.TempDir()
		}
		h := anHour(b, dir)
		b.Run(kind, func(b *testing.B) {
			s := h.Stats()
			var took, busy []time.Duration
			for b.Loop() {
				at := s.From.Add(time.Duration(rand.Int64N(int64(s.To.Sub(s.From)))))
				begin, cpu := time.Now(), cputime.Used()
				if _, err := h.At(context.Background(), at); err != nil {
					b.Fatal(err)
				}
				took, busy = append(took, time.Since(begin)), append(busy, cputime.Used()-cpu)
			}
			for what, list := range map[string][]time.Duration{"ms": took, "cpu-ms": busy} {
				slices.Sort(list)
				b.ReportMetric(float64(list[len(list)/2].Microseconds())/1000, "p50-"+what)
				b.ReportMetric(float64(list[len(list)*99/100].Microseconds())/1000, "p99-"+what)
				b.ReportMetric(float64(list[len(list)-1].Microseconds())/1000, "max-"+what)
			}
			b.ReportMetric(float64(s.Bytes)/1e6, "MB/hour")
			if s.Bytes > defaultMemory {
				b.Errorf("an hour takes %d MiB: the default memory holds less", s.Bytes>>20)
			}
			b.ReportMetric(float64(s.Bytes)/float64(s.Events), "B/event")
		})
		b.Run(kind+"/forward", func(b *testing.B) { // as when playing back, 40 ms a step
			at := h.Stats().From
			for b.Loop() {
				at = at.Add(40 * time.Millisecond)
				if _, err := h.At(context.Background(), at); err != nil {
					b.Fatal(err)
				}
			}
		})
		mustClose(b, h)
	}
}

// BenchmarkAppend measures what recording costs the fold, and what it costs in all.
func BenchmarkAppend(b *testing.B) {
	events := chatter(100_000)
	h := mustOpen(b, Options{})
	defer mustClose(b, h)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		ev := *events[n%len(events)]
		ev.Node.Incarnation += int64(n / len(events))
		h.Append(&ev, ev.Time)
		if n++; n%10_000 == 0 {
			h.Flush()
		}
	}
}
