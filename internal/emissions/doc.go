// Package emissions records which events, spans and metrics a program emits, with their attributes,
// and compares them with the vocabulary of otel/chordevent: what is emitted and not documented, and
// what is documented and never emitted. Only tests call it. Only one goroutine at a time may use a
// Recorder, as in a simulated world.
package emissions
