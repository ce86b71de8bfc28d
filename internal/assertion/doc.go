// Package assertion counts violated invariants. An assertion stays enabled in production, where it
// counts and prints instead of ending the process: a member with one wrong value still serves its
// keys, and the metric shows that its code has a fault. Any count above 0 is a bug of this project.
//
// The check stands where the state changes, as an if, so that it costs one comparison and no memory
// while the invariant holds:
//
//	if own.Owner != k.self {
//		k.cfg.Assertions.Failed(chordevent.AssertOwnRange, "range of %x registered at %x", own.Owner.ID, k.self.ID)
//	}
//
// The names are those that the telemetry uses (package chordevent). Each host has one [Counts], and
// so does each conductor.
package assertion
