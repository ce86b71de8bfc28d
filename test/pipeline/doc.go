// Package pipeline compares the conductor, as a pipeline of telemetry, with a bare OpenTelemetry Collector. Both run as
// separate programs, receive the same bytes from the same senders, and forward to the same sink.
package pipeline
