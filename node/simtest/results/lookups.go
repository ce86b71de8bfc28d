package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"chordconductor/node/chord"
	"chordconductor/node/member"
)

// Lookups is the outcome of lookups on a running ring.
type Lookups struct {
	Lookups    int // that ended
	Unanswered int // those without an owner within their limit
	// Failed counts as ToN does: lookups without an answer, and those whose answer was not the successor of the key
	// among the members on the ring when the answer arrived.
	Failed int
	// Wrong must be 0: the member returned did not own the key, by its register, at the lookup's start nor at its end.
	// (A member that owned it only in between counts here too.)
	Wrong    int
	Hops     Stat
	Timeouts Stat
	Latency  Stat      // in seconds
	Centiles []float64 `json:",omitempty"` // the 1st to the 99th percentile of the latency, where they are drawn
}

// Per10k is a count per 10,000 lookups.
func (l Lookups) Per10k(n int) float64 { return 1e4 * float64(n) / max(float64(l.Lookups), 1) }

// A tally is a Lookups while it is measured.
type tally struct {
	Lookups
	begun                   int
	hops, timeouts, latency sample
}

func (t *tally) result() Lookups {
	l := t.Lookups
	l.Hops, l.Timeouts, l.Latency = t.hops.stat(), t.timeouts.stat(), t.latency.stat()
	return l
}

// lookup starts a lookup on a host and verifies its answer.
func (r *ring) lookup(t *tally, h *host, key chord.ID, mode member.Mode) {
	t.begun++
	must(h.sim.Go(context.Background(), func(ctx context.Context) {
		m := h.member()
		if m == nil {
			t.begun--
			return
		}
		before := r.owners(key)
		l, err := m.Find(ctx, key, mode)
		if h.member() == nil {
			t.begun-- // its host left meanwhile
			return
		}
		t.Lookups.Lookups++
		if err != nil {
			t.Unanswered++
			t.Failed++
			return
		}
		if r.successor(key) != l.Owner {
			t.Failed++
		}
		if !slices.Contains(before, l.Owner) && !slices.Contains(r.owners(key), l.Owner) {
			t.Wrong++
		}
		add(&t.hops, l.Hops())
		add(&t.timeouts, l.Timeouts)
		add(&t.latency, l.Duration.Seconds())
	}))
}

// owners returns the members that own key by their registers: one, or for a moment none.
func (r *ring) owners(key chord.ID) (list []chord.Peer) {
	for _, h := range r.hosts {
		if h.covers(key) {
			list = append(list, h.member().Self())
		}
	}
	return list
}

// successor is the first member on the ring at or after a key.
func (r *ring) successor(key chord.ID) (first chord.Peer) {
	var nearest chord.ID
	for _, h := range r.hosts {
		if !h.onRing() {
			continue
		}
		self := h.member().Self()
		if d := circle.Distance(key, self.ID); !first.Real() || d.Compare(nearest) < 0 {
			first, nearest = self, d
		}
	}
	return first
}

// await runs the world until all lookups have ended.
func (r *ring) await(t *tally) error {
	if limit := 5 * time.Minute; !r.RunUntil(limit, 100*time.Millisecond, func() bool { return t.Lookups.Lookups == t.begun }) {
		return fmt.Errorf("%d of %d lookups have not ended in %v", t.begun-t.Lookups.Lookups, t.begun, limit)
	}
	return nil
}
