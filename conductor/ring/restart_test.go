package ring

import (
	"fmt"
	"testing"
	"time"

	"chordconductor/conductor/ring/ringtest"
	"chordconductor/internal/cputime"
	"chordconductor/otel/chordevent"
)

// restarted folds what a conductor receives after a restart over a ring of n members, of which only some emit: their
// keyframes, spread over a keyframe period. It calls each for every Advance, with the processor time of Advance and of
// Apply.
func restarted(n int, reports func(i int) bool, each func(r *Ring, advance, apply time.Duration)) {
	var keyframes []*chordevent.Event
	t := ringtest.NewChurningRing(n, func(*chordevent.Event) {})
	t.Emitted = func(ev *chordevent.Event) { keyframes = append(keyframes, ev) }
	for i := range n {
		if reports(i) {
			t.Keyframe(t.ByID[i])
		}
	}
	r := New(Options{})
	start := t.Now
	const period, tick = 10 * time.Second, 200 * time.Millisecond
	for at := time.Duration(0); at <= 2*period; at += tick {
		begin := cputime.Used()
		if at < period {
			from, to := int(at*time.Duration(len(keyframes))/period), int((at+tick)*time.Duration(len(keyframes))/period)
			for _, ev := range keyframes[from:to] {
				r.Apply(ev, start.Add(at))
			}
		}
		applied := cputime.Used()
		r.Advance(start.Add(at + tick))
		advanced := cputime.Used()
		each(r, advanced-applied, applied-begin)
		r.View()
	}
}

// oneIn returns a function that selects one member in `every`; allButOne selects all members but one.
func oneIn(every int) func(int) bool { return func(i int) bool { return i%every == 0 } }

func allButOne(i int) bool { return i != 7 }

// After a restart over half a ring, or over a ring of which one member is missing, the work is in proportion to the
// members, however many conditions do not hold. It is counted in steps, since time depends on the machine: six for each
// member, and two or three for each entry of its list.
func TestRestartIsLinear(t *testing.T) {
	for _, n := range []int{500, 4000} {
		for name, reports := range map[string]func(int) bool{"one in two": oneIn(2), "one in three": oneIn(3), "all but one": allButOne} {
			worst, before := 0, 0
			restarted(n, reports, func(r *Ring, _, _ time.Duration) {
				worst = max(worst, r.work-before)
				before = r.work
			})
			if limit := 48 * n; worst > limit {
				t.Errorf("of %d members %s report: an Advance took %d steps, want at most %d", n, name, worst, limit)
			}
		}
	}
}

func BenchmarkRestart(b *testing.B) {
	for i, n := range []int{4000, 8000, 20_000, 4000, 8000, 20_000} {
		name, reports := "one in two", oneIn(2)
		if i > 2 {
			name, reports = "all but one", allButOne
		}
		b.Run(fmt.Sprintf("members=%d/%s", n, name), func(b *testing.B) {
			var worst, total, worstApply time.Duration
			for b.Loop() {
				restarted(n, reports, func(_ *Ring, advance, apply time.Duration) {
					worst, total, worstApply = max(worst, advance), total+advance, max(worstApply, apply)
				})
			}
			b.ReportMetric(float64(worst.Milliseconds()), "worst-ms")
			b.ReportMetric(float64(worstApply.Milliseconds()), "worst-apply-ms")
			b.ReportMetric(float64(total.Milliseconds())/float64(b.N), "total-ms")
		})
	}
}
