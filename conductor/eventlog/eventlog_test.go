package eventlog

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"chordconductor/conductor/ring"
	"chordconductor/conductor/ring/ringtest"
	"chordconductor/otel/chordevent"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A tester has the methods that tests and property checks have in common.
type tester interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

func mustOpen(t tester, opt Options) *History {
	t.Helper()
	h, err := Open(opt)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func mustClose(t tester, h *History) {
	t.Helper()
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
}

func mustAt(t tester, h *History, at time.Time) *ring.View {
	t.Helper()
	v, err := h.At(context.Background(), at)
	if err != nil {
		t.Fatalf("at %s: %v", at, err)
	}
	return v
}

// print returns a view as text, except when members last changed, and the number of duplicates, which is not recorded.
func print(v *ring.View) string {
	var b strings.Builder
	c := *v
	c.Members, c.Moves, c.Counts.Outdated = nil, nil, 0
	fmt.Fprintf(&b, "%+v\n", c)
	for _, m := range v.Members {
		m := *m
		m.Changed = 0
		fmt.Fprintf(&b, "%+v\n", m)
	}
	for _, m := range v.Moves {
		fmt.Fprintf(&b, "%+v\n", *m)
	}
	return b.String()
}

// differ returns the first line in which two texts of print differ, or "".
func differ(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return fmt.Sprintf("got\n%s\nwant\n%s", g[i], w[i])
		}
	}
	if len(g) != len(w) {
		return fmt.Sprintf("got %d lines, want %d", len(g), len(w))
	}
	return ""
}

// A witness receives the same inputs as a history, and keeps the views.
type witness struct {
	ring *ring.Ring
	h    *History
	now  time.Time
	seen map[time.Time]string
}

func (w *witness) apply(ev *chordevent.Event) {
	w.ring.Apply(ev, w.now)
	w.h.Append(ev, w.now)
	w.seen[w.now] = print(w.ring.View())
}

func (w *witness) pass(d time.Duration) {
	w.now = w.now.Add(d)
	w.ring.Advance(w.now)
	w.h.Advance(w.now)
	w.seen[w.now] = print(w.ring.View())
}

// TestThePastIsAsItWas queries the view at every instant of a random run, in any order.
func TestThePastIsAsItWas(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		opt := Options{segmentEntries: rapid.SampledFrom([]int{3, 20, 1000}).Draw(t, "segment")}
		if rapid.Bool().Draw(t, "on disk") {
			opt.Dir = fmt.Sprint(dir, "/", rand.Uint64())
		}
		h := mustOpen(t, opt)
		w := &witness{ring: ring.New(ring.Options{}), h: h, now: ringtest.Start, seen: map[time.Time]string{}}
		sim := ringtest.NewTestRing(8, 2, w.apply)
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			sim.Step(t)
			w.pass(time.Duration(rapid.IntRange(0, 1500).Draw(t, "milliseconds")) * time.Millisecond)
		}
		w.check(t, h)
		mustClose(t, h)
		if opt.Dir == "" {
			return
		}
		again := mustOpen(t, opt)
		w.check(t, again)
		mustClose(t, again)
	})
}

func (w *witness) check(t *rapid.T, h *History) {
	h.Flush()
	var instants []time.Time
	for at := range w.seen {
		instants = append(instants, at)
	}
	for _, at := range rapid.Permutation(instants).Draw(t, "order") {
		if d := differ(print(mustAt(t, h, at)), w.seen[at]); d != "" {
			t.Fatalf("at %s: %s", at, d)
		}
	}
	if _, err := h.At(context.Background(), ringtest.Start.Add(-time.Second)); !errors.Is(err, ErrOutside) {
		t.Fatalf("before the beginning: %v", err)
	}
	if d := differ(print(mustAt(t, h, w.now.Add(time.Hour))), w.seen[w.now]); d != "" {
		t.Fatalf("after the end: %s", d)
	}
}

// chatter makes n events of one member, a millisecond apart.
func chatter(n int) (events []*chordevent.Event) {
	sim := ringtest.NewTestRing(160, 2, func(ev *chordevent.Event) { events = append(events, ev) })
	a := sim.Birth(1)
	for len(events) < n {
		a.Load.Gets++
		sim.Emit(a, chordevent.NodeLoad{Load: a.Load})
	}
	return events
}

// eventsAfter returns at most limit events that follow the event with a number, without those in damaged parts.
func eventsAfter(h *History, after uint64, limit int) (out []Event, err error) {
	for _, c := range h.span(func(*segment) bool { return true }) {
		if len(out) >= limit {
			break
		}
		failed := h.events(context.Background(), c, false, func(e Event) bool {
			if e.Seq > after {
				out = append(out, e)
			}
			return len(out) < limit
		})
		if err == nil {
			err = failed
		}
	}
	return out, err
}

func TestEvents(t *testing.T) {
	h := mustOpen(t, Options{segmentEntries: 10})
	defer mustClose(t, h)
	events := chatter(95)
	for _, ev := range events {
		h.Append(ev, ev.Time)
		h.Append(ev, ev.Time) // an event that changes nothing is not kept
	}
	h.Flush()
	for _, after := range []uint64{0, 1, 9, 10, 11, 50, 94, 95, 1000} {
		for _, limit := range []int{0, 1, 30, 1000} {
			got, err := eventsAfter(h, after, limit)
			if err != nil {
				t.Fatal(err)
			}
			want := events[min(after, 95):]
			want = want[:min(len(want), limit)]
			if len(got) != len(want) {
				t.Fatalf("after %d: %d events, want %d", after, len(got), len(want))
			}
			for i := range got {
				if got[i].Seq != after+1+uint64(i) || got[i].Event.Node.Seq != want[i].Node.Seq || !got[i].Arrived.Equal(want[i].Time) {
					t.Fatalf("after %d: event %d is %+v", after, i, got[i])
				}
			}
		}
	}
	if s := h.Stats(); s.Events != 95 || s.LastSeq != 95 || s.Segments != 10 || !s.From.Equal(events[0].Time) || !s.To.Equal(events[94].Time) {
		t.Errorf("%+v", s)
	}
}

func TestOldSegmentsAreDropped(t *testing.T) {
	for _, dir := range []string{"", t.TempDir()} {
		t.Run("by size "+dir, func(t *testing.T) {
			h := mustOpen(t, Options{segmentEntries: 100, MaxBytes: 20_000, Dir: dir})
			defer mustClose(t, h)
			events := chatter(5000)
			for _, ev := range events {
				h.Append(ev, ev.Time)
			}
			h.Flush()
			s := h.Stats()
			if s.Bytes > 30_000 || s.Segments < 2 || s.From.Equal(events[0].Time) {
				t.Errorf("%+v", s)
			}
			got, err := eventsAfter(h, 0, 1)
			if err != nil || len(got) != 1 || got[0].Seq == 1 || !got[0].Arrived.Equal(s.From) {
				t.Errorf("the oldest event: %+v, %v", got, err)
			}
			if _, err := h.At(context.Background(), events[0].Time); !errors.Is(err, ErrOutside) {
				t.Errorf("what was dropped: %v", err)
			}
			if dir != "" && len(files(t, dir)) != s.Segments {
				t.Errorf("%d files, %d segments", len(files(t, dir)), s.Segments)
			}
		})
	}
	t.Run("by age", func(t *testing.T) {
		h := mustOpen(t, Options{segmentEntries: 100, MaxAge: time.Second})
		defer mustClose(t, h)
		for _, ev := range chatter(5000) {
			h.Append(ev, ev.Time)
		}
		h.Flush()
		if s := h.Stats(); s.To.Sub(s.From) < time.Second || s.To.Sub(s.From) > 1200*time.Millisecond {
			t.Errorf("%s are kept", s.To.Sub(s.From))
		}
	})
}

// TestThePastIsThereAtOnce queries what has just been recorded, while more is recorded, segments end, and files replace
// them.
func TestThePastIsThereAtOnce(t *testing.T) {
	for _, dir := range []string{"", t.TempDir()} {
		h := mustOpen(t, Options{segmentEntries: 100, Dir: dir})
		events := chatter(3000)
		var readers sync.WaitGroup
		recorded := make(chan int)
		for range 3 {
			readers.Go(func() {
				for n := range recorded {
					k := rand.IntN(n)
					v, err := h.At(context.Background(), events[k].Time)
					if err != nil {
						t.Error(err)
					} else if v.Members[0].Seq != int64(k+1) {
						t.Errorf("event %d of %d recorded: the view has %d", k+1, n, v.Members[0].Seq)
					}
				}
			})
		}
		for i, ev := range events {
			h.Append(ev, ev.Time)
			if i%10 == 9 {
				h.Flush()
				recorded <- i + 1
			}
		}
		close(recorded)
		readers.Wait()
		mustClose(t, h)
	}
}

// TestAppendNeverBlocks stops the writer and continues to record.
func TestAppendNeverBlocks(t *testing.T) {
	const most = 100
	h := mustOpen(t, Options{Queue: most})
	events := chatter(1000)
	h.mu.Lock() // the writer cannot publish
	for _, ev := range events {
		h.Append(ev, ev.Time)
	}
	waiting, dropped := h.queue.state()
	h.mu.Unlock()
	if waiting > most || dropped < 1000-2*most-1 {
		t.Errorf("%d waiting, %d dropped", waiting, dropped)
	}
	mustClose(t, h)
	h.Append(events[0], events[0].Time)
	if s := h.Stats(); s.Dropped != dropped+1 || s.Events != uint64(1000)-dropped {
		t.Errorf("%d dropped before, %+v", dropped, s)
	}
}

func TestSeeksEndWithTheirContext(t *testing.T) {
	h := mustOpen(t, Options{})
	defer mustClose(t, h)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	<-h.seek // another seek runs
	if _, err := h.At(ctx, ringtest.Start); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	h.seek <- struct{}{}
	if _, err := h.At(context.Background(), ringtest.Start); !errors.Is(err, ErrOutside) {
		t.Errorf("nothing is recorded: %v", err)
	}
}
