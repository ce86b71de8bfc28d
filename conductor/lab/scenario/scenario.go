package scenario

import (
	"fmt"
	"time"
)

// A Scenario is one experiment. Parse sets the defaults, so every field is ready for use.
type Scenario struct {
	Name     string        `json:"name"`
	Seed     uint64        `json:"seed"`
	Ring     Ring          `json:"ring"`
	OwnRing  bool          `json:"own_ring"` // the file has a ring section: a new ring is started for the scenario
	Timing   Timing        `json:"timing"`
	Network  Network       `json:"network"`
	Workload Workload      `json:"workload"`
	Phases   []Phase       `json:"phases"`
	Duration time.Duration `json:"duration_ns"` // 0: until stopped
	Expect   []Expectation `json:"expect"`
	// AllowUnmeasured lists the metrics of Expect that also pass if there was nothing to measure.
	AllowUnmeasured []Metric `json:"allow_unmeasured,omitempty"`

	Source string `json:"-"` // the text that the scenario was parsed from
}

// Transport is how the members of a ring in this process reach each other.
type Transport string

const (
	GRPC   Transport = "grpc"   // real gRPC over loopback
	Memory Transport = "memory" // passed in memory, for rings of thousands
)

// Ring is the ring to start.
type Ring struct {
	Members      int       `json:"members"`
	Bits         int       `json:"bits"`
	Successors   int       `json:"successors"`
	Replicas     int       `json:"replicas"`
	VirtualNodes int       `json:"virtual_nodes"` // members per host; hosts = members / virtual nodes, rounded up
	Transport    Transport `json:"transport"`
	Lookup       string    `json:"lookup"` // recursive or iterative
}

// Timing has the intervals and time limits of members.
type Timing struct {
	Stabilize time.Duration `json:"stabilize_ns"`  // base interval
	CallLimit time.Duration `json:"call_limit_ns"` // a call without an answer by then is unanswered; 0: the network's default
	Keyframe  time.Duration `json:"keyframe_ns"`   // interval at which every member sends its whole state
}

// Network has the network conditions of messages between members. They are added to those of the real network.
type Network struct {
	Latency time.Duration `json:"latency_ns"` // one way
	Jitter  time.Duration `json:"jitter_ns"`  // added, uniform from 0 to jitter
	Spread  Spread        `json:"spread"`
	Loss    float64       `json:"loss"` // share of messages that never arrive
}

// Spread is the distribution of the latency of single messages.
type Spread string

const (
	Uniform     Spread = "uniform"     // latency + uniform jitter
	Exponential Spread = "exponential" // exponential with mean latency
)

// Distribution is how the operations are distributed over the keys.
type Distribution string

const (
	KeysUniform    Distribution = "uniform"    // all alike
	KeysZipf       Distribution = "zipf"       // the k-th key in proportion to k^-0.99
	KeysHotspot    Distribution = "hotspot"    // 90 % of the operations on 1 % of the keys
	KeysSequential Distribution = "sequential" // one key after the other, repeatedly
)

// Workload is an open-loop load: operations start when they are due, whether or not earlier ones have ended.
type Workload struct {
	Rate         float64      `json:"rate"`    // operations per second; 0: none
	Reads        float64      `json:"reads"`   // share of gets among gets and puts
	Lookups      float64      `json:"lookups"` // share of all operations that only look a key up, and report their path; default 0.1
	Keys         int          `json:"keys"`
	Distribution Distribution `json:"distribution"`
	ValueMin     int          `json:"value_min_bytes"`
	ValueMax     int          `json:"value_max_bytes"`
	Data         Data         `json:"data"`
	Poisson      bool         `json:"poisson"` // exponential gaps between operations instead of equal ones
}

// Data is the kind of contents that values have.
type Data string

const (
	Quotes    Data = "quotes"    // the shipped sentences, repeated or truncated to the value's size
	Synthetic Data = "synthetic" // pseudo-random bytes
)

// Hosts returns the number of hosts that the ring's members are spread over.
func (r Ring) Hosts() int { return (r.Members + r.VirtualNodes - 1) / r.VirtualNodes }

// Expected returns the bound of a metric, and whether the scenario has one.
func (s *Scenario) Expected(m Metric) (float64, bool) {
	for _, e := range s.Expect {
		if e.Metric == m {
			return e.Bound, true
		}
	}
	return 0, false
}

// defaults returns the scenario of an empty file: the demo's ring, without an end.
func defaults() *Scenario {
	return &Scenario{
		Name: "unnamed",
		Seed: 1,
		Ring: Ring{Members: 32, Bits: 160, Successors: 8, Replicas: 3, VirtualNodes: 1, Transport: GRPC, Lookup: "recursive"},
		Timing: Timing{
			Stabilize: 500 * time.Millisecond, Keyframe: 10 * time.Second,
		},
		Network: Network{Spread: Uniform},
		Phases:  []Phase{},
		Expect:  []Expectation{},
		Workload: Workload{
			Reads: 0.8, Lookups: 0.1, Keys: 1000, Distribution: KeysUniform, ValueMin: 128, ValueMax: 128, Data: Quotes,
		},
	}
}

// Check reports what is wrong with a workload that Parse has not checked.
func (w Workload) Check() error {
	switch {
	case !(w.Rate >= 0 && w.Rate <= MaxRate):
		return fmt.Errorf("rate: expected operations per second from 0 to %g, got %g", MaxRate, w.Rate)
	case !(w.Reads >= 0 && w.Reads <= 1):
		return fmt.Errorf("reads: expected a share from 0 to 1, got %g", w.Reads)
	case !(w.Lookups >= 0 && w.Lookups <= 1):
		return fmt.Errorf("lookups: expected a share from 0 to 1, got %g", w.Lookups)
	}
	switch w.Distribution {
	case KeysUniform, KeysZipf, KeysHotspot, KeysSequential:
		return nil
	}
	return fmt.Errorf("distribution: expected uniform, zipf, hotspot or sequential, got %q", clip(string(w.Distribution)))
}
