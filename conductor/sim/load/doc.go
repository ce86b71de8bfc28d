// Package load drives a ring with gets, puts and lookups, and keeps the truth about what was promised.
//
// The load is open-loop: every operation has an intended start, given by the rate alone, and its latency counts from
// there. A ring that stalls makes operations late, and their lateness is in the figures (no coordinated omission). The
// Oracle remembers of each key the greatest version that was acknowledged; a read that shows less is stale, and a key
// that shows less at the end is lost.
//
// Package sim runs one Driver for a ring. A Driver reaches time and concurrency through a World only, so that a
// simulated world can run it in virtual time; with the same seed it issues the same operations. It knows nothing of
// members, faults or telemetry.
package load
