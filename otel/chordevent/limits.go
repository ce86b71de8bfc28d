package chordevent

import "chordconductor/node/chord"

// The bounds of what Decode accepts. A record beyond a limit is malformed as a whole: a part of a list would be wrong.
const (
	// MaxSuccessors is the longest successor list.
	MaxSuccessors = 128
	// MaxFingerRuns is one run per slot of the largest circle.
	MaxFingerRuns = chord.MaxBits
	// MaxReplicas is the largest replication factor.
	MaxReplicas = 64
	// MaxText is the longest string, in bytes: a host name of 253 bytes with a port fits twice.
	MaxText = 512
)
