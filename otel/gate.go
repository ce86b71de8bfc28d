package otel

import (
	"context"
	"sync/atomic"

	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/log/embedded"
)

// A HoldGate is the provider of event loggers of one host. It can be closed, as in an outage of the
// host's telemetry. Events that are emitted while it is closed are lost, and are counted with the
// other losses that the process knows of, so that keyframes report them.
type HoldGate struct {
	embedded.LoggerProvider
	telemetry *Telemetry
	held      atomic.Bool
	lost      atomic.Int64 // events lost at the gate
}

// NewGate returns an open gate in front of the events' pipeline.
func NewGate(t *Telemetry) *HoldGate { return &HoldGate{telemetry: t} }

// Hold closes or opens the gate, and reports whether it has just been opened. If so, members should
// send keyframes.
func (g *HoldGate) Hold(held bool) (opened bool) { return g.held.Swap(held) && !held }

// Lost returns the number of events lost at the gate and in the pipeline.
func (g *HoldGate) Lost() int64 { return g.telemetry.Lost() + g.lost.Load() }

// Logger implements log.LoggerProvider.
func (g *HoldGate) Logger(name string, options ...log.LoggerOption) log.Logger {
	return &gatedLogger{gate: g, to: g.telemetry.Events.Logger(name, options...)}
}

type gatedLogger struct {
	embedded.Logger
	gate *HoldGate
	to   log.Logger
}

func (l *gatedLogger) Emit(ctx context.Context, r log.Record) {
	if l.gate.held.Load() {
		l.gate.lost.Add(1)
		return
	}
	l.to.Emit(ctx, r)
}

func (l *gatedLogger) Enabled(ctx context.Context, p log.EnabledParameters) bool {
	return l.to.Enabled(ctx, p)
}
