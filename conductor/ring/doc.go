// Package ring folds the events of ring members into a view of the ring.
//
// A [Ring] is a pure function of two inputs: [Ring.Apply] applies one event, [Ring.Advance] sets the time. Package live
// owns the running Ring and publishes its views; package eventlog keeps a second one, from which it takes checkpoints,
// and restores more to show the past.
//
// Every field of a member is a register that keeps the value with the greatest (incarnation, event number); fingers
// have one register per slot, key moves one per move and side, and reports of a death keep the greatest pair that was
// reported. So events may arrive in any order, twice, or late, and the same view results. The view states what is not
// known: a member whose events have gaps is uncertain until the missing events arrive or a keyframe replaces them, and
// so is one whose newest event is older than the staleness bound, one and a half keyframe periods. A field of any other
// member is true, or was true at most that long ago.
//
// Each event updates the ring error, the seams between owned ranges and the conditions on single lists, at a cost of
// O((r + k) log N), where k is the number of members whose predecessor or head is the member concerned: two in an ideal
// ring. Advance checks the conditions on all members together, at O(N r), and only while the ring is not ideal.
//
// The package does no I/O, starts no goroutine, reads no clock and never calls a node. A Ring is not safe for
// concurrent use; the views that it returns are immutable and may be shared.
package ring
