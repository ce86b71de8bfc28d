// Package otlptest runs a real OTLP receiver, the Collector's, inside a test. It stores what it receives, and can
// answer with errors, stop and start again. Only tests of package otel use it.
package otlptest

import (
	"context"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configgrpc"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"

	"chordconductor/internal/freeport"
)

// Receiver listens on a port of its own from New until Stop, and again after Start.
type Receiver struct {
	GRPC, HTTP string // these addresses stay the same after Stop and Start

	t  testing.TB
	mu sync.Mutex // guards all fields below

	logs    []plog.Logs
	traces  []ptrace.Traces
	metrics []pmetric.Metrics
	answer  func(plog.Logs) error // nil: accept everything
	running []component.Component
	changed chan struct{} // closed and replaced when something arrives
}

// New starts a receiver on free loopback ports and stops it when the test ends.
func New(t testing.TB) *Receiver {
	r := &Receiver{GRPC: freeport.Address(t), HTTP: freeport.Address(t), t: t, changed: make(chan struct{})}
	r.Start()
	t.Cleanup(r.Stop)
	return r
}

type host struct{}

func (host) GetExtensions() map[component.ID]component.Component { return nil }

// Start listens again after a Stop.
func (r *Receiver) Start() {
	r.t.Helper()
	factory := otlpreceiver.NewFactory()
	cfg := factory.CreateDefaultConfig().(*otlpreceiver.Config)
	grpcConfig := configgrpc.NewDefaultServerConfig()
	grpcConfig.NetAddr.Endpoint = r.GRPC
	grpcConfig.NetAddr.Transport = "tcp"
	cfg.Protocols.GRPC = configoptional.Some(grpcConfig)
	cfg.Protocols.HTTP.GetOrInsertDefault().ServerConfig.NetAddr.Endpoint = r.HTTP

	set := receiver.Settings{
		ID: component.NewID(factory.Type()),
		TelemetrySettings: component.TelemetrySettings{
			Logger:         zap.NewNop(),
			TracerProvider: tracenoop.NewTracerProvider(),
			MeterProvider:  metricnoop.NewMeterProvider(),
			Resource:       pcommon.NewResource(),
		},
	}
	ctx := context.Background()
	logs, err1 := factory.CreateLogs(ctx, set, cfg, must(consumer.NewLogs(r.takeLogs)))
	traces, err2 := factory.CreateTraces(ctx, set, cfg, must(consumer.NewTraces(r.takeTraces)))
	metrics, err3 := factory.CreateMetrics(ctx, set, cfg, must(consumer.NewMetrics(r.takeMetrics)))
	for _, err := range []error{err1, err2, err3} {
		if err != nil {
			r.t.Fatal(err)
		}
	}
	for _, c := range []component.Component{logs, traces, metrics} { // one server receives all three signals
		if err := c.Start(ctx, host{}); err != nil {
			r.t.Fatal(err)
		}
		r.running = append(r.running, c)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Stop closes the receiver's ports, and returns when both servers have ended.
func (r *Receiver) Stop() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, c := range r.running {
		c.Shutdown(ctx)
	}
	r.running = nil
}

// Answer makes the receiver answer each request of log records with what f returns; nil accepts everything again.
func (r *Receiver) Answer(f func(plog.Logs) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = f
}

func (r *Receiver) takeLogs(_ context.Context, data plog.Logs) error {
	r.mu.Lock()
	answer := r.answer
	r.mu.Unlock()
	if answer != nil {
		if err := answer(data); err != nil {
			return err
		}
	}
	r.arrived(func() { r.logs = append(r.logs, data) })
	return nil
}

func (r *Receiver) takeTraces(_ context.Context, data ptrace.Traces) error {
	r.arrived(func() { r.traces = append(r.traces, data) })
	return nil
}

func (r *Receiver) takeMetrics(_ context.Context, data pmetric.Metrics) error {
	r.arrived(func() { r.metrics = append(r.metrics, data) })
	return nil
}

func (r *Receiver) arrived(store func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	store()
	close(r.changed)
	r.changed = make(chan struct{})
}

// Wait returns when cond holds. It evaluates cond now and whenever something arrives.
func (r *Receiver) Wait(what string, cond func() bool) {
	r.t.Helper()
	limit := time.After(time.Minute)
	for {
		r.mu.Lock()
		changed := r.changed
		r.mu.Unlock()
		if cond() {
			return
		}
		select {
		case <-changed:
		case <-limit:
			r.t.Fatalf("timeout waiting for %s", what)
		}
	}
}

// EachLog visits the log records received so far, in the order of arrival.
func (r *Receiver) EachLog(f func(pcommon.Resource, plog.LogRecord)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, data := range r.logs {
		for _, rl := range data.ResourceLogs().All() {
			for _, sl := range rl.ScopeLogs().All() {
				for _, rec := range sl.LogRecords().All() {
					f(rl.Resource(), rec)
				}
			}
		}
	}
}

// EachSpan visits the spans received so far.
func (r *Receiver) EachSpan(f func(pcommon.Resource, ptrace.Span)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, data := range r.traces {
		for _, rs := range data.ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for _, s := range ss.Spans().All() {
					f(rs.Resource(), s)
				}
			}
		}
	}
}

// EachMetric visits the metrics received so far.
func (r *Receiver) EachMetric(f func(pcommon.Resource, pmetric.Metric)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, data := range r.metrics {
		for _, rm := range data.ResourceMetrics().All() {
			for _, sm := range rm.ScopeMetrics().All() {
				for _, m := range sm.Metrics().All() {
					f(rm.Resource(), m)
				}
			}
		}
	}
}
