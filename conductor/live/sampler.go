package live

import (
	"time"

	"chordconductor/conductor/ring"
	"chordconductor/node/chord"
)

// A sampler converts totals to rates, once a second. Only Run's goroutine uses it.
type sampler struct {
	last   time.Time
	round  uint64
	loads  map[chord.ID]loadMark // as many as the view has members
	traced uint64                // lookups that arrived as traces, since the start

	events, spans, tracedBefore uint64 // totals at the last sample
	eventRate, spanRate         float64
	tracedRate                  float64 // smoothed over some ten seconds, the interval of metrics
	sampled                     float64
}

// A loadMark is a member's operation count at the last sample.
type loadMark struct {
	incarnation int64
	gets, puts  int64
	round       uint64
}

// sample returns the point of the charts for the last second.
func (l *Live) sample(view *ring.View, now time.Time) Sample {
	s := &l.sampler
	first := s.last.IsZero()
	elapsed := now.Sub(s.last).Seconds()
	s.last = now
	gets, puts := s.operations(view)
	events := view.Counts.Applied + view.Counts.Outdated + view.Counts.Refused
	spans := l.counts.spans.Load()
	traced := s.traced - s.tracedBefore
	newEvents, newSpans := events-s.events, spans-s.spans
	s.events, s.spans, s.tracedBefore = events, spans, s.traced

	out := Sample{Time: now, Members: view.Counts.Active + view.Counts.Leaving, Error: view.Error}
	if first {
		s.sampled = -1
		return out
	}
	s.eventRate, s.spanRate = float64(newEvents)/elapsed, float64(newSpans)/elapsed
	s.tracedRate += (float64(traced)/elapsed - s.tracedRate) / 10
	out.Events, out.Spans = s.eventRate, s.spanRate
	out.Gets, out.Puts = float64(gets)/elapsed, float64(puts)/elapsed

	rate, p50, p99, known := l.rates.Now(now)
	s.sampled = -1
	if known {
		if rate > 0 {
			s.sampled = min(s.tracedRate/rate, 1)
		}
		out.Lookups, out.P50, out.P99 = rate, p50, p99
		return out
	}
	q := l.durations.quantiles(now, .5, .99)
	out.Lookups, out.P50, out.P99 = float64(traced)/elapsed, q[0], q[1]
	return out
}

// operations counts the operations that members have served since the last sample. A member's counters start at 0 in
// each incarnation. If the first event of an incarnation was missed, earlier operations are not counted.
func (s *sampler) operations(view *ring.View) (gets, puts int64) {
	if s.loads == nil {
		s.loads = map[chord.ID]loadMark{}
	}
	s.round++
	for _, m := range view.Members {
		mark, known := s.loads[m.ID]
		now := loadMark{m.Incarnation, m.Load.Gets, m.Load.Puts, s.round}
		s.loads[m.ID] = now
		switch {
		case !known:
			continue
		case mark.incarnation != now.incarnation:
			mark.gets, mark.puts = 0, 0
		}
		gets += max(now.gets-mark.gets, 0)
		puts += max(now.puts-mark.puts, 0)
	}
	if len(s.loads) > len(view.Members) {
		for id, mark := range s.loads {
			if mark.round != s.round {
				delete(s.loads, id)
			}
		}
	}
	return gets, puts
}
