package history

import (
	"context"
	"testing"
	"time"

	"chordconductor/conductor/ring/ringtest"
	"chordconductor/otel/chordevent"
)

// TestUntilAndSince asks for what came before and after every event of a story of many chapters.
func TestUntilAndSince(t *testing.T) {
	for _, dir := range []string{"", t.TempDir()} {
		h := mustOpen(t, Options{chapter: 10, Dir: dir})
		events := chatter(95)
		for _, ev := range events {
			h.Append(ev, ev.Time)
		}
		h.Flush()
		third := func(ev *chordevent.Event) bool { return ev.Node.Seq%3 == 0 }
		for i, ev := range events {
			for _, limit := range []int{1, 7, 40} {
				for name, want := range map[string]func(*chordevent.Event) bool{"all": nil, "every third": third} {
					var before, after []int64
					for j, other := range events {
						switch {
						case want != nil && !want(other):
						case j <= i:
							before = append(before, other.Node.Seq)
						case len(after) < limit:
							after = append(after, other.Node.Seq)
						}
					}
					before = before[max(0, len(before)-limit):]
					until, err := h.Until(context.Background(), ev.Time, limit, want)
					same(t, name+" until", until, err, before)
					since, err := h.Since(context.Background(), ev.Time, limit, want)
					same(t, name+" since", since, err, after)
				}
			}
		}
		until, err := h.Until(context.Background(), ringtest.Start.Add(-time.Second), 5, nil)
		same(t, "before the beginning", until, err, nil)
		since, err := h.Since(context.Background(), events[94].Time.Add(time.Hour), 5, nil)
		same(t, "after the end", since, err, nil)
		since, err = h.Since(context.Background(), ringtest.Start.Add(-time.Hour), 1, nil)
		same(t, "since long before", since, err, []int64{1})
		mustClose(t, h)
	}
}

// TestUntilLooksBackSoFar has it give up rather than read everything.
func TestUntilLooksBackSoFar(t *testing.T) {
	h := mustOpen(t, Options{chapter: 2})
	defer mustClose(t, h)
	events := chatter(10 * maxLookBack)
	read := 0
	for _, ev := range events {
		h.Append(ev, ev.Time)
	}
	h.Flush()
	got, err := h.Until(context.Background(), events[len(events)-1].Time, 1, func(*chordevent.Event) bool { read++; return false })
	same(t, "nothing", got, err, nil)
	if read != 2*maxLookBack {
		t.Errorf("%d events were read, want those of %d chapters", read, maxLookBack)
	}
}

func same(t *testing.T, what string, got []Event, err error, want []int64) {
	t.Helper()
	if err != nil || len(got) != len(want) {
		t.Fatalf("%s: %d events, %v; want %d", what, len(got), err, len(want))
	}
	for i, e := range got {
		if e.Event.Node.Seq != want[i] || e.Seq != uint64(want[i]) || !e.Arrived.Equal(e.Event.Time) {
			t.Fatalf("%s: event %d is %d, want %d", what, i, e.Event.Node.Seq, want[i])
		}
	}
}
