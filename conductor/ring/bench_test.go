package ring

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"chordconductor/conductor/ring/ringtest"
	"chordconductor/internal/cputime"
	"chordconductor/otel/chordevent"
)

func advanceAndView(t *ringtest.ChurningRing, r *Ring) {
	r.Advance(t.Now)
	r.View()
}

// BenchmarkApply applies decoded events in the mix that an hour has, by ring size.
func BenchmarkApply(b *testing.B) {
	for _, n := range []int{100, 1000, 10_000} {
		b.Run(fmt.Sprintf("mix/members=%d", n), func(b *testing.B) { benchmarkApply(b, n, func(t *ringtest.ChurningRing) { t.Second(1 + n/1000) }) })
		b.Run(fmt.Sprintf("churn/members=%d", n), func(b *testing.B) {
			benchmarkApply(b, n, func(t *ringtest.ChurningRing) {
				t.Join()
				t.CrashOne()
			})
		})
		b.Run(fmt.Sprintf("keyframe/members=%d", n), func(b *testing.B) {
			benchmarkApply(b, n, func(t *ringtest.ChurningRing) { t.Keyframe(t.ByID[t.Random.IntN(n)]) })
		})
	}
}

func benchmarkApply(b *testing.B, n int, live func(*ringtest.ChurningRing)) {
	const most = 200_000
	r := New(Options{})
	t := ringtest.NewChurningRing(n, func(ev *chordevent.Event) { r.Apply(ev, ev.Time) })
	advanceAndView(t, r)
	if v := r.View(); v.Error != 0 {
		b.Fatalf("the churning ring is not ideal: error %d", v.Error)
	}
	c := r.Checkpoint()
	var events []*chordevent.Event
	t.Emitted = func(ev *chordevent.Event) { events = append(events, ev) }
	for len(events) < min(most, max(b.N, 1000)) {
		live(t)
	}
	b.ReportAllocs()
	b.ResetTimer()
	var used time.Duration
	for done := 0; done < b.N; {
		b.StopTimer()
		var err error
		if r, err = Restore(Options{}, c); err != nil {
			b.Fatal(err)
		}
		r.View()
		batch := events[:min(len(events), b.N-done)]
		b.StartTimer()
		before := cputime.Used()
		for _, ev := range batch {
			r.Apply(ev, ev.Time)
		}
		used += cputime.Used() - before
		done += len(batch)
	}
	b.ReportMetric(float64(b.N)/used.Seconds()/1e6, "M_events/core-s")
}

// BenchmarkView makes a view after a twentieth of a second of events.
func BenchmarkView(b *testing.B) {
	for _, n := range []int{100, 1000, 10_000} {
		for _, state := range []string{"ideal", "repairing", "one uncertain"} {
			b.Run(fmt.Sprintf("members=%d/%s", n, state), func(b *testing.B) {
				r := New(Options{})
				t := ringtest.NewChurningRing(n, func(ev *chordevent.Event) { r.Apply(ev, ev.Time) })
				switch state {
				case "repairing":
					t.SetPred(t.ByID[0], t.At(n/2).Self)
				case "one uncertain": // one of its events is missing
					t.ByID[0].Seq++
					t.Emit(t.ByID[0], chordevent.NodeLoad{})
				}
				advanceAndView(t, r)
				b.ReportAllocs()
				for b.Loop() {
					b.StopTimer()
					for range max(1, n/20) {
						a := t.ByID[1+t.Random.IntN(n-1)]
						a.Load.Gets++
						t.Emit(a, chordevent.NodeLoad{Load: a.Load})
					}
					b.StartTimer()
					r.View()
				}
			})
		}
	}
}

// BenchmarkAdvance measures Advance while the ring is not ideal, so that all conditions are checked again.
func BenchmarkAdvance(b *testing.B) {
	for _, n := range []int{100, 1000, 10_000} {
		b.Run(fmt.Sprintf("members=%d", n), func(b *testing.B) {
			r := New(Options{})
			t := ringtest.NewChurningRing(n, func(ev *chordevent.Event) { r.Apply(ev, ev.Time) })
			wrong := t.ByID[0]
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				t.SetPred(wrong, t.At(t.Random.IntN(n)).Self)
				b.StartTimer()
				r.Advance(t.Now)
			}
		})
	}
}

// BenchmarkCheckpoint writes and restores the whole state.
func BenchmarkCheckpoint(b *testing.B) {
	for _, n := range []int{100, 1000, 10_000} {
		r := New(Options{})
		t := ringtest.NewChurningRing(n, func(ev *chordevent.Event) { r.Apply(ev, ev.Time) })
		advanceAndView(t, r)
		c := r.Checkpoint()
		b.Run(fmt.Sprintf("write/members=%d", n), func(b *testing.B) {
			for b.Loop() {
				r.Checkpoint()
			}
			b.ReportMetric(float64(len(c))/float64(n), "B/member")
		})
		b.Run(fmt.Sprintf("restore/members=%d", n), func(b *testing.B) {
			for b.Loop() {
				if _, err := Restore(Options{}, c); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkMemory measures the memory of the fold and its last view, per member.
func BenchmarkMemory(b *testing.B) {
	for _, n := range []int{100, 1000, 10_000} {
		b.Run(fmt.Sprintf("members=%d", n), func(b *testing.B) {
			var c []byte
			{
				r := New(Options{})
				t := ringtest.NewChurningRing(n, func(ev *chordevent.Event) { r.Apply(ev, ev.Time) })
				advanceAndView(t, r)
				c = r.Checkpoint()
			}
			for b.Loop() {
				before := heap()
				r, err := Restore(Options{}, c)
				if err != nil {
					b.Fatal(err)
				}
				r.View()
				b.ReportMetric(float64(heap()-before)/float64(n), "B/member")
				runtime.KeepAlive(r)
			}
			runtime.KeepAlive(c)
		})
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
