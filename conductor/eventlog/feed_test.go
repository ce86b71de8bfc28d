package eventlog

import (
	"context"
	"slices"
	"testing"
	"time"

	"chordconductor/conductor/ring/ringtest"
	"chordconductor/otel/chordevent"
)

// TestUntilAndSince queries what came before and after every event of a history of many segments.
func TestUntilAndSince(t *testing.T) {
	for _, dir := range []string{"", t.TempDir()} {
		h := mustOpen(t, Options{segmentEntries: 10, Dir: dir})
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
					until, _, err := h.Until(context.Background(), ev.Time, Query{Limit: limit, Want: want})
					same(t, name+" until", until, err, before)
					since, _, err := h.Since(context.Background(), ev.Time, Query{Limit: limit, Want: want})
					same(t, name+" since", since, err, after)
				}
			}
		}
		until, _, err := h.Until(context.Background(), ringtest.Start.Add(-time.Second), Query{Limit: 5})
		same(t, "before the beginning", until, err, nil)
		since, _, err := h.Since(context.Background(), events[94].Time.Add(time.Hour), Query{Limit: 5})
		same(t, "after the end", since, err, nil)
		since, _, err = h.Since(context.Background(), ringtest.Start.Add(-time.Hour), Query{Limit: 1})
		same(t, "since long before", since, err, []int64{1})
		mustClose(t, h)
	}
}

// TestUntilLooksBackSoFar: Until returns fewer events rather than read the whole history.
func TestUntilLooksBackSoFar(t *testing.T) {
	h := mustOpen(t, Options{segmentEntries: 2})
	defer mustClose(t, h)
	events := chatter(10 * maxLookBack)
	read := 0
	for _, ev := range events {
		h.Append(ev, ev.Time)
	}
	h.Flush()
	none := func(*chordevent.Event) bool { read++; return false }
	got, _, err := h.Until(context.Background(), events[len(events)-1].Time, Query{Limit: 1, Want: none})
	same(t, "nothing", got, err, nil)
	if read != 2*maxLookBack {
		t.Errorf("%d events were read, want those of %d segments", read, maxLookBack)
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

// TestOnceReturnsEachDeath has a member be partitioned from the others, which all report it dead, be healed, and crash:
// these are two deaths.
func TestOnceReturnsEachDeath(t *testing.T) {
	for _, segment := range []int{4, 10_000} { // reports in the segment of the death, and in later ones
		h := mustOpen(t, Options{segmentEntries: segment})
		sim := ringtest.NewTestRing(160, 2, func(ev *chordevent.Event) { h.Append(ev, ev.Time) })
		for id := range uint64(5) {
			sim.Birth(100 * id)
		}
		sim.RepairAll()
		partitioned, others := sim.Members[2], []*ringtest.Actor{sim.Members[1], sim.Members[3], sim.Members[4]}
		known := partitioned.Seq
		report := func(by *ringtest.Actor, knows int64) int64 {
			ev := sim.Report(by, partitioned, knows)
			h.Append(ev, ev.Time)
			return ev.Time.UnixMilli()
		}
		first := report(others[0], known)
		report(others[1], known-1)
		report(others[2], known)
		late := sim.Event(others[0], chordevent.PeerFailed{Peer: chordevent.PeerRef{Peer: partitioned.Self, Seq: known}})
		sim.SetPred(partitioned, others[0].Self) // healed
		h.Append(late, sim.Now)                  // it was emitted before, and has been on its way
		crash := report(others[2], partitioned.Seq-1)
		report(others[0], partitioned.Seq)
		report(others[1], partitioned.Seq)
		h.Flush()

		dies := Query{Limit: 10, Once: true, Want: func(ev *chordevent.Event) bool { return ev.Body.Kind() == chordevent.KindPeerFailed }}
		since, _, err := h.Since(context.Background(), ringtest.Start, dies)
		expectTimes(t, "forward", since, err, first, crash)
		until, _, err := h.Until(context.Background(), sim.Now, dies)
		expectTimes(t, "back", until, err, first, crash)
		dies.Limit = 1
		until, _, err = h.Until(context.Background(), sim.Now, dies)
		expectTimes(t, "one step back", until, err, crash)
		since, _, err = h.Since(context.Background(), until[0].Arrived, dies)
		expectTimes(t, "and none on", since, err)
		dies.Once, dies.Limit = false, 10
		since, _, err = h.Since(context.Background(), ringtest.Start, dies)
		if err != nil || len(since) != 7 {
			t.Errorf("%d reports in all, %v", len(since), err)
		}
		mustClose(t, h)
	}
}

func expectTimes(t *testing.T, what string, got []Event, err error, want ...int64) {
	t.Helper()
	var times []int64
	for _, e := range got {
		times = append(times, e.Event.Time.UnixMilli())
	}
	if err != nil || !slices.Equal(times, want) {
		t.Errorf("%s: deaths at %v, %v; want %v", what, times, err, want)
	}
}
