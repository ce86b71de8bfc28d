// Package ring folds what ring members tell about themselves into a view of the ring.
//
// A [Ring] is a pure function of two inputs: [Ring.Apply] takes one event, [Ring.Advance] says what time it is. Package
// live owns the running one and publishes its views; package history keeps a second one, from which it takes
// checkpoints, and makes more to look at the past.
//
// Every field of a member is a register that keeps the value with the greatest (incarnation, event number); fingers are
// one register per slot, key moves one per move and side, reports of a death the greatest pair that was reported. So
// events may come in any order, twice, or late, and the same view results. What cannot be known is said: a member whose
// events have gaps is marked uncertain until they are filled or a keyframe makes up for them, and so is one whose newest
// event is older than the staleness bound, one and a half keyframe periods. A field of any other member is true, or was
// that long ago at most.
//
// The ring error, the seams between owned ranges and the conditions on single lists are kept up to date by each event,
// at a cost of O((r + k) log N), where k is the number of members whose predecessor or head is the member concerned:
// two in a repaired ring. The conditions that speak of all members at once are looked at by Advance, at O(N r), and only
// while the ring is not ideal.
//
// The package does no I/O, starts no goroutine, reads no clock and never asks a node anything. A Ring is not safe for
// concurrent use; the views it returns are immutable and may be shared.
package ring
