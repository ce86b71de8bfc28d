package result

import (
	"time"

	"go.opentelemetry.io/otel/trace"

	"chordconductor/conductor/lab/load"
	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// A LostKey is a key whose last acknowledged write could not be read, with what happened to its replicas.
type LostKey struct {
	load.LostKey
	Holders []HolderFate // of the replicas that the acknowledgement named; empty: it named none
	Moves   []KeyMove    // of the key's range since the write, oldest first
}

// A Fate is a member's state by the end.
type Fate string

const (
	FateOnRing  Fate = "on the ring"
	FateCrashed Fate = "crashed" // peers have reported the member dead
	FateLeft    Fate = "left"
	FateAgain   Fate = "restarted" // a later incarnation is known, and how this one ended is not known
	FateUnknown Fate = "not known"
)

// Fates lists all fates.
func Fates() []Fate { return []Fate{FateOnRing, FateCrashed, FateLeft, FateAgain, FateUnknown} }

// A HolderFate is the host of a replica, and what happened to it.
type HolderFate struct {
	Peer  chord.Peer
	Fate  Fate
	At    time.Time     // of the end; zero: not known
	By    chord.ID      // after a crash: the member that reported it first
	Trace trace.TraceID // of the operation that detected the crash, or of the leave; zero: not sampled
	Phase string        // the scenario's phase that stopped the member; empty: none did
}

// A KeyMove is a finished move of a range.
type KeyMove struct {
	At     time.Time
	From   chord.ID
	To     chordevent.PeerRef
	Reason chordevent.MoveReason
	Failed bool
	Trace  trace.TraceID
}
