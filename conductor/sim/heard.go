package sim

import (
	"slices"
	"time"

	"chordconductor/otel/chordevent"
)

// keptStretches bounds the stretches remembered of one member; the oldest is forgotten. A member has one for each of its
// lives, and one more for each loss of its events.
const keptRuns = 16

// A stretch is a run of a member's events of which none is missing: what the member owned is known of every instant in
// it, and not only of those of which an event has come.
type eventRun struct {
	incarnation int64
	first, last int64     // event numbers
	blind       bool      // no event in it speaks of ownership
	known       time.Time // from then on the ownership is: the first such event, or the first of the life, which begins with none
	until       time.Time // the newest event
}

// knows reports whether a stretch covers a span of time.
func (s eventRun) knows(from, to time.Time) bool {
	return !s.blind && !s.known.After(from) && !s.until.Before(to)
}

// hear enters an event. Events may come late and twice.
func (m *watched) add(ev *chordevent.Event, ownership bool) {
	n := eventRun{ev.Node.Incarnation, ev.Node.Seq, ev.Node.Seq, !ownership && ev.Node.Seq > 1, ev.Time, ev.Time}
	at := len(m.runs)
	for at > 0 && m.runs[at-1].after(n) {
		at--
	}
	if at > 0 && m.runs[at-1].incarnation == n.incarnation && m.runs[at-1].last >= n.last {
		return // told twice
	}
	if at > 0 && at == len(m.runs) && m.runs[at-1].extend(n) {
		return // as a rule: this is on the way of every event
	}
	m.runs = slices.Insert(m.runs, at, n)
	m.joinNext(at)
	if at > 0 {
		m.joinNext(at - 1)
	}
	if len(m.runs) > keptRuns {
		m.runs = m.runs[1:]
	}
}

// unbroken reports whether every event from one to the last before another has been heard.
func (m *watched) unbroken(incarnation, from, to int64) bool {
	return to == from+1 || slices.ContainsFunc(m.runs, func(s eventRun) bool {
		return s.incarnation == incarnation && s.first <= from && s.last >= to-1
	})
}

func (s eventRun) after(o eventRun) bool {
	if s.incarnation != o.incarnation {
		return s.incarnation > o.incarnation
	}
	return s.first > o.first
}

// joinNext joins a stretch and the next, if nothing is missing between them.
func (m *watched) joinNext(at int) {
	if at+1 >= len(m.runs) {
		return
	}
	if m.runs[at].extend(m.runs[at+1]) {
		m.runs = slices.Delete(m.runs, at+1, at+2)
	}
}

// extend adds what follows to a stretch, and says whether it does follow: without a gap.
func (s *eventRun) extend(next eventRun) bool {
	if s.incarnation != next.incarnation || s.last+1 != next.first {
		return false
	}
	if s.blind {
		s.blind, s.known = next.blind, next.known
	}
	s.last, s.until = next.last, next.until
	return true
}
