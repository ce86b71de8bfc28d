package scenario

import (
	"fmt"
	"strings"
	"time"

	"chordconductor/internal/duration"
)

// A Phase does one thing to the running ring, at a time since the start. If For is set, the phase lasts: members are
// started or stopped one by one over that time, and states (churn, faults, a changed workload) end with the phase.
// Without For members are started or stopped at once, and states last until a heal or the end of the run.
type Phase struct {
	Name   string        `json:"name"`
	At     time.Duration `json:"at_ns"`
	For    time.Duration `json:"for_ns"`
	Action Action        `json:"action"`
	// AllowPartial lets the run pass although the phase could not do everything that it requests.
	AllowPartial bool `json:"allow_partial,omitempty"`
}

// End returns the time at which the phase is over; without For that is the time at which it begins.
func (p Phase) End() time.Duration { return p.At + p.For }

// Action is one of the types below.
type Action interface {
	Verb() string // the field that names the action in YAML
	String() string
}

// Join starts members. Many at once are a join burst.
type Join struct {
	Count int `json:"join"`
}

// Leave makes members leave gracefully.
type Leave struct {
	Count int `json:"leave"`
}

// Crash stops members without a message. Adjacent ones are neighbours on the ring: the hardest case for replicas.
type Crash struct {
	Count    int  `json:"crash"`
	Adjacent bool `json:"adjacent"`
}

// Churn starts, stops and crashes members as Poisson processes of these rates per second.
type Churn struct {
	Join  float64 `json:"join"`
	Leave float64 `json:"leave"`
	Crash float64 `json:"crash"`
}

// Partition separates a share of the hosts from the others, both ways.
type Partition struct {
	Fraction float64 `json:"fraction"`
}

// OneWayCut is a one-way partition: it stops the calls from one share of the hosts to another; calls in the other
// direction get through.
type OneWayCut struct {
	From float64 `json:"from"`
	To   float64 `json:"to"`
}

// SlowLink adds latency to all calls that a share of the hosts makes.
type SlowLink struct {
	Fraction float64       `json:"fraction"`
	Latency  time.Duration `json:"latency_ns"`
}

// Pause makes members drop all traffic, like a stopped process or a machine that swaps.
type Pause struct {
	Count int `json:"pause"`
}

// Heal ends all partitions, slow links, pauses and telemetry outages.
type Heal struct{}

// TelemetryOutage keeps the telemetry of a share of the hosts from being delivered. The ring itself is not affected.
type TelemetryOutage struct {
	Fraction float64 `json:"fraction"`
}

// SetLoad replaces the workload.
type SetLoad struct {
	Workload Workload `json:"workload"`
}

func (Join) Verb() string            { return "join" }
func (Leave) Verb() string           { return "leave" }
func (Crash) Verb() string           { return "crash" }
func (Churn) Verb() string           { return "churn" }
func (Partition) Verb() string       { return "partition" }
func (OneWayCut) Verb() string       { return "one_way_cut" }
func (SlowLink) Verb() string        { return "slow_link" }
func (Pause) Verb() string           { return "pause" }
func (Heal) Verb() string            { return "heal" }
func (TelemetryOutage) Verb() string { return "telemetry_outage" }
func (SetLoad) Verb() string         { return "workload" }

func (a Join) String() string  { return fmt.Sprintf("join %d", a.Count) }
func (a Leave) String() string { return fmt.Sprintf("leave %d", a.Count) }
func (a Crash) String() string {
	if a.Adjacent {
		return fmt.Sprintf("crash %d adjacent", a.Count)
	}
	return fmt.Sprintf("crash %d", a.Count)
}

func (a Churn) String() string {
	var parts []string
	for _, p := range []struct {
		what string
		rate float64
	}{{"join", a.Join}, {"leave", a.Leave}, {"crash", a.Crash}} {
		if p.rate > 0 {
			parts = append(parts, fmt.Sprintf("%s %g/s", p.what, p.rate))
		}
	}
	return "churn: " + strings.Join(parts, ", ")
}

func (a Partition) String() string {
	return fmt.Sprintf("partition: %.0f %% of the hosts", 100*a.Fraction)
}
func (a OneWayCut) String() string {
	return fmt.Sprintf("one-way partition: %.0f %% of the hosts cannot call another %.0f %%", 100*a.From, 100*a.To)
}
func (a SlowLink) String() string {
	return fmt.Sprintf("slow link: calls from %.0f %% of the hosts take %s longer", 100*a.Fraction, duration.Text(a.Latency))
}
func (a Pause) String() string { return fmt.Sprintf("pause %d", a.Count) }
func (Heal) String() string    { return "heal" }
func (a TelemetryOutage) String() string {
	return fmt.Sprintf("telemetry outage of %.0f %% of hosts", 100*a.Fraction)
}
func (a SetLoad) String() string {
	return fmt.Sprintf("workload %g/s, %.0f %% reads, %s", a.Workload.Rate, 100*a.Workload.Reads, a.Workload.Distribution)
}
