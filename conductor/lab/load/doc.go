// Package load drives a ring with gets, puts and lookups, and records which writes were acknowledged.
//
// The load is open-loop: every operation has an intended start, which depends on the rate alone, and its latency counts
// from there. A ring that stalls makes operations late, and their lateness is part of the latencies (no coordinated
// omission). The Oracle keeps, for each key, the greatest version that was acknowledged. A read that returns an older
// version is stale, and a key whose last read at the end does so is lost.
//
// Package controller runs one Driver for a ring. A Driver uses time and concurrency only through a Runtime, so that a
// simulated world can run it in virtual time; with the same seed it issues the same operations. It does not depend on
// members, faults or telemetry.
package load
