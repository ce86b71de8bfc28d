package sim

import (
	"context"
	"sync/atomic"

	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/log/embedded"

	"chordconductor/otel"
)

// A gate stands between a host's members and the events' pipeline. While it is shut, their events are lost, and counted
// as a process counts its own losses: so members send keyframes once it is open again.
type gate struct {
	embedded.LoggerProvider
	events log.LoggerProvider
	lost   func() int64
	shut   atomic.Bool
	kept   atomic.Int64 // events lost here
}

func newGate(t *otel.Telemetry) *gate { return &gate{events: t.Events, lost: t.Lost} }

func (g *gate) lostSoFar() int64 { return g.lost() + g.kept.Load() }

// Logger implements log.LoggerProvider.
func (g *gate) Logger(name string, options ...log.LoggerOption) log.Logger {
	return &gatedLogger{gate: g, to: g.events.Logger(name, options...)}
}

type gatedLogger struct {
	embedded.Logger
	gate *gate
	to   log.Logger
}

func (l *gatedLogger) Emit(ctx context.Context, r log.Record) {
	if l.gate.shut.Load() {
		l.gate.kept.Add(1)
		return
	}
	l.to.Emit(ctx, r)
}

func (l *gatedLogger) Enabled(ctx context.Context, p log.EnabledParameters) bool {
	return l.to.Enabled(ctx, p)
}
