package judge

import (
	"slices"
	"time"

	"chordconductor/otel/chordevent"
)

// keptRuns bounds the event runs kept of one member; beyond it the oldest is dropped. A member has one for each
// incarnation, and one more for each loss of its events.
const keptRuns = 16

// An eventRun is a contiguous run of a member's events: the member's ownership is known at every instant in it, not
// only at the times of its events.
type eventRun struct {
	incarnation int64
	first, last int64     // event numbers
	blind       bool      // no event in it reports ownership
	known       time.Time // the ownership is known from this time on: from the first event that reports it, or from the first event of the incarnation, which begins without a range
	until       time.Time // the newest event
}

// knows reports whether a run covers a span of time.
func (s eventRun) knows(from, to time.Time) bool {
	return !s.blind && !s.known.After(from) && !s.until.Before(to)
}

// add adds an event to the member's runs. Events may come late or twice.
func (m *watched) add(ev *chordevent.Event, ownership bool) {
	n := eventRun{ev.Node.Incarnation, ev.Node.Seq, ev.Node.Seq, !ownership && ev.Node.Seq > 1, ev.Time, ev.Time}
	at := len(m.runs)
	for at > 0 && m.runs[at-1].after(n) {
		at--
	}
	if at > 0 && m.runs[at-1].incarnation == n.incarnation && m.runs[at-1].last >= n.last {
		return // received twice
	}
	if at > 0 && at == len(m.runs) && m.runs[at-1].extend(n) {
		return // the usual case, on the path of every event
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

// unbroken reports whether all events with numbers from `from` up to, but not including, `to` have been received.
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

// joinNext joins a run with the next one, if no event is missing between them.
func (m *watched) joinNext(at int) {
	if at+1 >= len(m.runs) {
		return
	}
	if m.runs[at].extend(m.runs[at+1]) {
		m.runs = slices.Delete(m.runs, at+1, at+2)
	}
}

// extend joins the next run to this one, and reports whether it follows without a gap.
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
