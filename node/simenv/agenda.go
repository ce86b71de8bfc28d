package simenv

import "time"

// agenda is the list of future events, in order: a binary heap by time, then by the order in which they were added.
type agenda struct {
	heap  []event
	added uint64
}

type event struct {
	at  time.Duration
	seq uint64
	run func()
}

func (e *event) before(o *event) bool { return e.at < o.at || e.at == o.at && e.seq < o.seq }

func (a *agenda) add(at time.Duration, run func()) {
	a.added++
	a.heap = append(a.heap, event{at, a.added, run})
	h := a.heap
	for i := len(h) - 1; i > 0; {
		up := (i - 1) / 2
		if !h[i].before(&h[up]) {
			break
		}
		h[i], h[up] = h[up], h[i]
		i = up
	}
}

// first returns the time of the next event.
func (a *agenda) first() (time.Duration, bool) {
	if len(a.heap) == 0 {
		return 0, false
	}
	return a.heap[0].at, true
}

func (a *agenda) due(until time.Duration) bool { return len(a.heap) > 0 && a.heap[0].at <= until }

// next removes the next event from the agenda, which must not be empty.
func (a *agenda) next() event {
	h := a.heap
	first := h[0]
	last := len(h) - 1
	h[0] = h[last]
	h[last] = event{}
	a.heap = h[:last]
	h = a.heap
	for i := 0; ; {
		down := 2*i + 1
		if down >= len(h) {
			break
		}
		if down+1 < len(h) && h[down+1].before(&h[down]) {
			down++
		}
		if !h[down].before(&h[i]) {
			break
		}
		h[i], h[down] = h[down], h[i]
		i = down
	}
	return first
}
