package run

import (
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// A Tap receives the telemetry that the members push, before any other receiver does. If a function is nil, that kind
// of telemetry is not received. The functions must not keep their arguments.
type Tap struct {
	Logs  func(plog.Logs)
	Spans func(ptrace.Traces)
	// Metrics receives metrics. They are pushed in real time only: in virtual time members have none.
	Metrics func(pmetric.Metrics)
}

// BeforeLogs returns a function that calls the tap, then next.
func (t Tap) BeforeLogs(next func(plog.Logs)) func(plog.Logs) {
	if t.Logs == nil {
		return next
	}
	return func(ld plog.Logs) {
		t.Logs(ld)
		next(ld)
	}
}

// BeforeSpans returns a function that calls the tap, then next.
func (t Tap) BeforeSpans(next func(ptrace.Traces)) func(ptrace.Traces) {
	if t.Spans == nil {
		return next
	}
	return func(td ptrace.Traces) {
		t.Spans(td)
		next(td)
	}
}
