package controller

import "time"

// State is the present state of a simulation, for the page and the API.
type State struct {
	Running   bool          `json:"running"`
	Scenario  string        `json:"scenario"` // of the running simulation, or of the last
	Phase     string        `json:"phase"`    // the present one
	ElapsedS  float64       `json:"elapsed_s"`
	DurationS float64       `json:"duration_s"` // 0: until stopped
	Phases    []PlannedStep `json:"phases"`
	Rate      float64       `json:"workload_rate"`
	Reads     float64       `json:"workload_reads"`
	Answered  float64       `json:"answered_per_second"` // operations, in the last second
	Lost      int           `json:"lost_keys"`
	Report    bool          `json:"report_ready"`
	Cut       int           `json:"cut"`             // members partitioned off, which a heal would bring back
	Error     string        `json:"error,omitempty"` // why it ended early
	Control   bool          `json:"can_control"`     // there are hosts to command
}

// A PlannedStep is a phase of the running scenario.
type PlannedStep struct {
	Name string  `json:"name"`
	AtS  float64 `json:"at_s"`
	ForS float64 `json:"for_s"`
}

// seconds is a duration in the unit of the API.
func seconds(d time.Duration) float64 { return d.Seconds() }

// report fills in a simulation's part of the state.
func (s *simulation) report(st *State) {
	load, verdict := s.driver.Workload(), s.driver.Verdict()
	s.mu.Lock()
	defer s.mu.Unlock()
	st.Running = !s.ended
	st.Scenario, st.Phase, st.Error = s.scenario.Name, s.phase, s.failure
	st.DurationS, st.ElapsedS = seconds(s.scenario.Duration), seconds(s.took)
	st.Rate, st.Reads, st.Lost = load.Rate, load.Reads, verdict.Lost
	if n := len(s.timeline); n > 0 {
		st.Report, st.Answered = true, s.timeline[n-1].Rate
	}
	for _, p := range s.scenario.Phases {
		st.Phases = append(st.Phases, PlannedStep{p.Name, seconds(p.At), seconds(p.For)})
	}
}
