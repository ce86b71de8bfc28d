// Package live owns the running ring view: one goroutine folds the telemetry of nodes and publishes immutable views.
// Run folds on the wall clock, Follow on that of a simulated world.
//
// Package ingest offers decoded events and spans; packages hub and web read. Readers receive immutable values or
// copies, so they never wait for the fold and never affect it. Input is bounded: a full queue refuses events with
// ErrFull (the sender keeps them and tries again) and drops spans, which are counted. Output is a wake-up, not a queue:
// a slow subscriber finds the newest view whenever it looks.
//
// The package never sends requests to a node and never opens a socket.
package live
