package faults

import (
	"time"

	"chordconductor/node/chord"
)

// A Fault is one partition, slow link, pause or telemetry outage, of hosts named by address.
type Fault struct {
	From, To    map[string]bool // to nil: all hosts not in from
	Both        bool            // also calls from "to" to "from"
	Partition   bool
	Latency     time.Duration
	Paused      bool       // hosts of from drop all traffic
	Held        bool       // the telemetry of hosts of from is not delivered
	Partitioned int        // members partitioned off, for the page
	members     []chord.ID // members of the hosts named, when the fault began
}

// concerns reports whether the fault applies to calls from one host to another.
func (d *Fault) concerns(from, to string) bool {
	return (d.Partition || d.Latency > 0) && from != to && (d.oneWay(from, to) || d.Both && d.oneWay(to, from))
}

// orders reports whether the fault requires an order to a host: each host imposes the faults of its own outgoing calls.
func (d *Fault) orders(host string) bool {
	return d.From[host] || d.Both && (d.To[host] || d.To == nil)
}

func (d *Fault) oneWay(from, to string) bool {
	if d.To == nil {
		return d.From[from] && !d.From[to]
	}
	return d.From[from] && d.To[to]
}

// Kinds returns the possible values of Listed.Kind.
func Kinds() []string {
	return []string{"partition", "one_way_cut", "slow_link", "pause", "telemetry_outage"}
}

// Listed is a fault in force, as the API lists it.
type Listed struct {
	Kind    string        // partition, one_way_cut, slow_link, pause or telemetry_outage, as a scenario names it
	From    []string      // addresses of the hosts concerned
	To      []string      // addresses of the hosts that they cannot call, or call slowly; empty: all others
	Latency time.Duration // added
	Members []chord.ID    // members of the hosts named, when the fault began
	Ending  bool          // the fault was ended, and may still be in force: not all hosts concerned have confirmed the end
}
