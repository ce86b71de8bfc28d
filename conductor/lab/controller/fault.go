package controller

import (
	"time"

	"chordconductor/node/chord"
)

// A fault is one partition, slow link, pause or telemetry outage, of hosts named by address.
type fault struct {
	from, to    map[string]bool // to nil: all hosts not in from
	both        bool            // also calls from "to" to "from"
	partition   bool
	latency     time.Duration
	paused      bool       // hosts of from drop all traffic
	held        bool       // the telemetry of hosts of from is not delivered
	partitioned int        // members partitioned off, for the page
	members     []chord.ID // of the hosts named, when it began
}

// concerns reports whether the fault applies to calls from one host to another.
func (d *fault) concerns(from, to string) bool {
	return (d.partition || d.latency > 0) && from != to && (d.oneWay(from, to) || d.both && d.oneWay(to, from))
}

// orders reports whether the fault needs an order to a host: each host imposes the faults of its own outgoing calls.
func (d *fault) orders(host string) bool {
	return d.from[host] || d.both && (d.to[host] || d.to == nil)
}

func (d *fault) oneWay(from, to string) bool {
	if d.to == nil {
		return d.from[from] && !d.from[to]
	}
	return d.from[from] && d.to[to]
}

// FaultKinds are the values of Fault.Kind.
func FaultKinds() []string {
	return []string{"partition", "one_way_cut", "slow_link", "pause", "telemetry_outage"}
}

// A Fault is a fault in force, as the API lists it.
type Fault struct {
	Kind    string        // partition, one_way_cut, slow_link, pause or telemetry_outage, as a scenario names it
	From    []string      // addresses of the hosts concerned
	To      []string      // addresses of the hosts that they cannot call, or call slowly; empty: all others
	Latency time.Duration // added
	Members []chord.ID    // of the hosts named, when it began
	Ending  bool          // it was ended, and may still be in force: not all hosts concerned have confirmed the end
}
