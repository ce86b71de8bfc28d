package host

import (
	"time"

	"chordconductor/node/chord"
	"chordconductor/node/member"
)

// LAN returns the configuration for hosts in one data centre, which has the node program's
// defaults: a peer that is silent for some two seconds counts as dead.
func LAN() Config {
	return Config{
		JoinTimeout: time.Minute, Ring: "chord", VirtualNodes: 1, Bits: chord.MaxBits, Successors: 8, Replicas: 3,
		Stabilize: 500 * time.Millisecond, CallLimit: time.Second, Lookup: string(member.Recursive),
	}
}

// Local returns the configuration for hosts on one machine, such as those of a test: a free port of
// 127.0.0.1, and maintenance and time limits that suit answers within milliseconds.
func Local() Config {
	c := LAN()
	c.Listen = "127.0.0.1:0"
	c.Stabilize, c.CallLimit = 100*time.Millisecond, 500*time.Millisecond
	return c
}

// WAN returns the configuration for hosts far from each other, whose answers may take a second: a
// silent peer counts as dead after some six seconds, and the ring takes longer to repair.
func WAN() Config {
	c := LAN()
	c.Stabilize, c.CallLimit = 2*time.Second, 3*time.Second
	return c
}
