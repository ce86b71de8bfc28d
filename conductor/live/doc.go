// Package live owns the running ring view: one goroutine folds what nodes push and publishes immutable views.
//
// Package ingest offers decoded events and spans; packages hub and web read. Everything a reader gets is immutable or a
// copy, so readers never wait for the fold and never disturb it. What comes in is bounded: a full queue refuses events
// with ErrFull (the sender keeps them and tries again) and drops spans, counted. What goes out is a wake-up, not a
// queue: a slow subscriber finds the newest view whenever it looks.
//
// The package never asks a node for anything and never opens a socket.
package live
