// Package load drives a ring with gets, puts and lookups, and records which writes were acknowledged.
//
// The load is open-loop: every operation has an intended start, given by the rate alone, and its latency counts from
// there. A ring that stalls makes operations late, and their lateness is in the figures (no coordinated omission). The
// Oracle keeps of each key the greatest version that was acknowledged; a read that returns an older one is stale, and a
// key for which the last read does so at the end is lost.
//
// Package controller runs one Driver for a ring. A Driver has time and concurrency through a Runtime only, so that a simulated
// world can run it in virtual time; with the same seed it issues the same operations. It does not depend on members,
// faults or telemetry.
package load
