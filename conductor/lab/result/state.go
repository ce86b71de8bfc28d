package result

// State is the present state of a simulation, for the page and the API.
type State struct {
	Running   bool          `json:"running"`
	Scenario  string        `json:"scenario"` // of the running simulation, or of the last
	Phase     string        `json:"phase"`    // the present phase
	ElapsedS  float64       `json:"elapsed_s"`
	DurationS float64       `json:"duration_s"` // 0: until stopped
	Phases    []PlannedStep `json:"phases"`
	Rate      float64       `json:"workload_rate"`
	Reads     float64       `json:"workload_reads"`
	Answered  float64       `json:"answered_per_second"` // operations, in the last second
	Lost      int           `json:"lost_keys"`
	Report    bool          `json:"report_ready"`
	Cut       int           `json:"cut"`             // members partitioned off, which a heal would bring back
	Error     string        `json:"error,omitempty"` // why the simulation ended early
	Control   bool          `json:"can_control"`     // there are hosts to command
}

// A PlannedStep is a phase of the running scenario.
type PlannedStep struct {
	Name string  `json:"name"`
	AtS  float64 `json:"at_s"`
	ForS float64 `json:"for_s"`
}
