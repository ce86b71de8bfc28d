package run

import (
	"context"
	"time"

	"chordconductor/conductor/lab/deploy"
	"chordconductor/conductor/lab/judge/groundtruth"
	"chordconductor/conductor/lab/result"
	"chordconductor/conductor/ring"
	"chordconductor/node/chord"
)

const (
	lookEvery  = 100 * time.Millisecond // at the view: a pointer is read, no node is asked
	pointEvery = time.Second
)

// monitor follows the ring view and the load until the simulation is over.
func (s *Simulation) monitor(ctx context.Context) {
	next := s.began.Add(pointEvery)
	for s.runtime.Sleep(lookEvery) == nil {
		now, v := s.runtime.Now(), s.from.look()
		s.observe(now, v)
		if now.Before(next) {
			continue
		}
		next = next.Add(pointEvery)
		s.watch.Judge(now)
		s.point(ctx, now, v)
	}
}

// settled reports whether the view shows an ideal ring in which everything is certain, with all members of the fleet.
// The fleet and the view must have the same number of members: the view may show an ideal ring before it has received
// the report of a crash.
func (s *Simulation) settled(v *ring.View) bool {
	if v.Status != ring.Ideal || !v.Certainty.All() || v.Counts.Joining > 0 || v.Counts.Leaving > 0 {
		return false
	}
	all, joined := deploy.CountMembers(s.fleet.Hosts())
	return all == joined && v.Counts.Active == joined
}

// observe measures the duration of repairs, and collects violations.
func (s *Simulation) observe(now time.Time, v *ring.View) {
	settled := s.settled(v)
	at := now.Sub(s.began)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	s.took = at
	if settled {
		for _, w := range s.waiting {
			s.results[w.result].Repaired = now.Sub(w.since)
		}
		s.waiting = s.waiting[:0]
	}
	if n := len(s.repairs); n > 0 && !s.repairs[n-1].Healed {
		r := &s.repairs[n-1]
		r.To, r.PeakError, r.Healed = at, max(r.PeakError, v.Error), settled
	} else if !settled && n < maxPoints {
		s.repairs = append(s.repairs, result.Repair{From: at, To: at, PeakError: v.Error})
	}
	for _, violation := range v.Violations {
		key := violation.Key()
		if _, known := s.violations[key]; known || len(s.violations) < maxViolations {
			s.violations[key] = violation
		}
	}
}

// awaitRepair begins to measure how long the ring takes to repair what a phase did.
func (s *Simulation) awaitRepair(result int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &s.results[result]
	now := s.runtime.Now()
	r.Measured, r.Repaired, r.Over = true, -1, now.Sub(s.began)
	s.waiting = append(s.waiting, repairWait{result, now})
}

// point appends one second to the timeline.
func (s *Simulation) point(ctx context.Context, now time.Time, v *ring.View) {
	second := s.driver.Tick()
	latency := second.All()
	p := result.Point{
		At: now.Sub(s.began), Members: v.Counts, Status: v.Status, RingError: v.Error, Violations: open(v),
		Unknown: v.ErrorUnknown, Certainty: v.Certainty.State, Uncertain: v.Certainty.Count,
		Rate: float64(second.Done()) / pointEvery.Seconds(), Failed: second.Failed, Refused: second.Refused,
		P50:  time.Duration(latency.Quantile(0.5)) * time.Microsecond,
		P99:  time.Duration(latency.Quantile(0.99)) * time.Microsecond,
		Lost: s.driver.Verdict().Lost,
	}
	if s.from.Stats != nil {
		p.StalenessMS = float64(s.from.Stats().StalenessP99.Microseconds()) / 1000
	}
	var truth map[chord.ID]groundtruth.State
	if s.truth != nil {
		truth = s.truth(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accuracy.Look(now, v, truth)
	if len(s.timeline) >= maxPoints {
		s.timeline = append(s.timeline[:0], s.timeline[maxPoints/4:]...)
	}
	s.timeline = append(s.timeline, p)
}

// open counts the violations that have not healed.
func open(v *ring.View) (n int) {
	for _, violation := range v.Violations {
		if violation.Healed.IsZero() {
			n++
		}
	}
	return n
}
