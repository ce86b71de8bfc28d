// Package emissions records which events, spans and metrics a program emits, with their attributes, and compares that
// with the vocabulary of otel/chordevent: what is emitted and not documented, and what is documented and never emitted.
// Tests are its only callers. A Recorder is for one goroutine at a time, as in a simulated world.
package emissions
