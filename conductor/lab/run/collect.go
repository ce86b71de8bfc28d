package run

import (
	"maps"
	"slices"

	"chordconductor/conductor/lab/load"
	"chordconductor/conductor/lab/result"
	"chordconductor/conductor/ring"
	"chordconductor/node/chord"
)

// maxLost is how many lost keys a Result describes.
const maxLost = 100

// Result returns what has been measured up to now, or, for a simulation that reached its end, up to that end. The
// returned value is not changed afterwards.
func (s *Simulation) Result() *result.Result {
	s.mu.Lock()
	final := s.final
	s.mu.Unlock()
	if final != nil {
		return final
	}
	return s.measure()
}

func (s *Simulation) measure() *result.Result {
	view := s.from.View()
	counts := s.driver.Phases()
	r := &result.Result{
		Scenario: s.Scenario, Virtual: s.Deployment.Virtual, Started: s.began,
		Moves: s.watch.Moves(), Lookups: s.watch.Lookups(), Slowest: s.driver.Slowest(), Keys: s.driver.Verdict(),
		Loads: loads(view), Bits: view.Bits, Operations: s.watch.Operations(),
	}
	r.Telemetry.Lost, r.Telemetry.Outdated, r.Telemetry.Uncertain = view.Counts.Lost, view.Counts.Outdated, view.Certainty.Count
	r.Telemetry.Applied, r.Telemetry.LookupsSampled = view.Counts.Applied, -1
	if s.from.Stats != nil {
		st := s.from.Stats()
		r.Telemetry.StalenessP50, r.Telemetry.StalenessP99 = st.StalenessP50, st.StalenessP99
		r.Telemetry.LookupsSampled = st.LookupsSampled
	}

	if r.Keys.Lost > 0 {
		r.Lost = s.watch.Lost(s.driver.Lost(maxLost), view)
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	r.Finished, r.Error, r.Elapsed = s.finished, s.failure, s.took
	r.Timeline = slices.Clone(s.timeline)
	r.Repairs = slices.Clone(s.repairs)
	r.Notes = slices.Clone(s.notes)
	r.Telemetry.Unmarked, r.Telemetry.UnmarkedMeasured = s.accuracy.Unmarked, s.accuracy.Measured
	for _, key := range slices.Sorted(maps.Keys(s.violations)) { // several violations can begin at one instant
		r.Violations = append(r.Violations, s.violations[key])
	}
	slices.SortStableFunc(r.Violations, func(a, b ring.Violation) int { return a.Since.Compare(b.Since) })
	r.Phases = slices.Clone(s.results)
	for i := range r.Phases {
		r.Phases[i].Counts = new(load.Counts)
		if i < len(counts) {
			r.Phases[i].Counts = counts[i]
		}
	}
	if n := len(r.Phases); n > 0 {
		r.Phases[n-1].To = r.Elapsed
	}
	s.blame(r.Lost)
	r.CheckExpectations(view)
	return r
}

// loads returns the loads of the members on the ring.
func loads(v *ring.View) []result.MemberLoad {
	bits := v.Bits
	if bits == 0 {
		return nil
	}
	space, err := chord.NewSpace(bits)
	if err != nil {
		return nil
	}
	var list []result.MemberLoad
	for _, m := range v.Members {
		if m.Status != ring.Active {
			continue
		}
		l := result.MemberLoad{
			ID: space.Format(m.ID), Owned: m.Load.OwnedKeys, Replica: m.Load.ReplicaKeys, Bytes: m.Load.Bytes,
			Gets: m.Load.Gets, Puts: m.Load.Puts,
		}
		if m.Ownership.Owns {
			if l.Share = space.Fraction(space.Distance(m.Ownership.From, m.ID)); l.Share == 0 {
				l.Share = 1 // from itself to itself: the whole circle
			}
		}
		list = append(list, l)
	}
	return list
}

// blame adds to each replica the phase that stopped its host. The caller holds s.mu.
func (s *Simulation) blame(list []result.LostKey) {
	for _, k := range list {
		for i, h := range k.Holders {
			if phase, ok := s.stoppedBy[h.Peer.ID]; ok && h.Fate != result.FateOnRing {
				k.Holders[i].Phase = s.results[phase].Name
			}
		}
	}
}
