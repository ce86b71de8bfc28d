package run

import (
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// A Tap receives the telemetry that the members push, before any other receiver does. A nil function: that kind of
// telemetry is not received. The functions must not keep what they are given.
type Tap struct {
	Logs  func(plog.Logs)
	Spans func(ptrace.Traces)
	// Metrics are pushed in real time only: in virtual time members have none.
	Metrics func(pmetric.Metrics)
}

// BeforeLogs puts the tap before next.
func (t Tap) BeforeLogs(next func(plog.Logs)) func(plog.Logs) {
	if t.Logs == nil {
		return next
	}
	return func(ld plog.Logs) {
		t.Logs(ld)
		next(ld)
	}
}

// BeforeSpans puts the tap before next.
func (t Tap) BeforeSpans(next func(ptrace.Traces)) func(ptrace.Traces) {
	if t.Spans == nil {
		return next
	}
	return func(td ptrace.Traces) {
		t.Spans(td)
		next(td)
	}
}
