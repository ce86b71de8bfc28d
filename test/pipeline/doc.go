// Package pipeline measures the conductor as a pipeline of telemetry against a bare OpenTelemetry Collector: both as
// programs of their own, given the same bytes by the same senders and the same sink to forward to.
package pipeline
