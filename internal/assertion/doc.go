// Package assertion counts invariants that do not hold. An assertion stays on in production, where it counts and prints
// instead of ending the process: a member that is wrong about one thing still serves its keys, and the metric shows
// that its code is. Any count above 0 is a bug of this project.
//
// The check stands where the state changes, as an if, so that it costs a comparison and no memory while it holds:
//
//	if own.Owner != k.self {
//		k.cfg.Assertions.Failed(chordevent.AssertOwnRange, "range of %x registered at %x", own.Owner.ID, k.self.ID)
//	}
//
// Names are those of the telemetry (package chordevent). A host has one [Counts], and so has a conductor.
package assertion
