package run

import "chordconductor/conductor/lab/result"

// Report fills in a simulation's part of the state.
func (s *Simulation) Report(st *result.State) {
	load, verdict := s.driver.Workload(), s.driver.Verdict()
	s.mu.Lock()
	defer s.mu.Unlock()
	st.Running = !s.ended
	st.Scenario, st.Phase, st.Error = s.Scenario.Name, s.phase, s.failure
	st.DurationS, st.ElapsedS = s.Scenario.Duration.Seconds(), s.took.Seconds()
	st.Rate, st.Reads, st.Lost = load.Rate, load.Reads, verdict.Lost
	if n := len(s.timeline); n > 0 {
		st.Report, st.Answered = true, s.timeline[n-1].Rate
	}
	for _, p := range s.Scenario.Phases {
		st.Phases = append(st.Phases, result.PlannedStep{Name: p.Name, AtS: p.At.Seconds(), ForS: p.For.Seconds()})
	}
}
