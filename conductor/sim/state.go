package sim

import "time"

// State is a simulation as it stands, for the page and the API.
type State struct {
	Running   bool          `json:"running"`
	Scenario  string        `json:"scenario"` // of the running simulation, or of the last
	Phase     string        `json:"phase"`    // what is being done now
	ElapsedS  float64       `json:"elapsed_s"`
	DurationS float64       `json:"duration_s"` // 0: until stopped
	Phases    []PlannedStep `json:"phases"`
	Rate      float64       `json:"workload_rate"`
	Reads     float64       `json:"workload_reads"`
	Lost      int           `json:"lost_keys"`
	Report    bool          `json:"report_ready"`
	Cut       int           `json:"cut"`             // members that a healing would bring back
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
