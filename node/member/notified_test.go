package member_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/log/embedded"
	"go.opentelemetry.io/otel/trace"

	"chordconductor/node/env"
	"chordconductor/node/nodepb"
	"chordconductor/node/simenv"
	"chordconductor/otel/chordevent"
)

// A counter counts the events of one kind.
type counter struct {
	embedded.LoggerProvider
	kind  chordevent.Kind
	count atomic.Int32
}

func (c *counter) Logger(string, ...log.LoggerOption) log.Logger { return countingLogger{c: c} }

type countingLogger struct {
	embedded.Logger
	c *counter
}

func (countingLogger) Enabled(context.Context, log.EnabledParameters) bool { return true }

func (l countingLogger) Emit(_ context.Context, rec log.Record) {
	if rec.EventName() == string(l.c.kind) {
		l.c.count.Add(1)
	}
}

// A notify is applied after it has been answered, when its context has ended. If the notify is part of a trace, so is
// the round that applies it. The round's ping of the old predecessor must not end with the call: otherwise a live
// predecessor would be dropped.
func TestNotifyOutlivesItsCall(t *testing.T) {
	failures := &counter{kind: chordevent.KindPeerFailed}
	w := grpcWorld{events: failures}
	f := newFleet(t, w, ringOnly, 5)
	f.ideal(20 * time.Second)
	hosts := f.byID()
	notified, earlier := hosts[3], hosts[1].Members()[0]

	ctx, cancel := context.WithCancel(trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}, TraceFlags: trace.FlagsSampled, Remote: true,
	})))
	cancel() // as gRPC does when the call is answered
	if _, err := notified.Notify(ctx, &nodepb.NotifyRequest{Call: earlier.Call(notified.Members()[0].Self())}); err != nil {
		t.Fatal(err)
	}
	f.rest(2 * base) // a ping refused for its context would have been reported long since
	f.ideal(20 * time.Second)
	if failed := failures.count.Load(); failed != 0 {
		t.Errorf("%d members reported as failed, and all live", failed)
	}
}

// The same for a call over the simulated network, where contexts end as they do over gRPC.
func TestNotifyOutlivesItsSimulatedCall(t *testing.T) {
	failures := &counter{kind: chordevent.KindPeerFailed}
	w := newSimWorld(t, simenv.Config{Seed: 1})
	w.events = failures
	f := newFleet(t, w, ringOnly, 5)
	f.ideal(20 * time.Second)
	hosts := f.byID()
	notifier, notified := hosts[1], hosts[3]
	traced := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}, TraceFlags: trace.FlagsSampled})
	w.do(t, notifier, func(ctx context.Context) {
		call := notifier.Any().Call(notified.Any().Self())
		_, err := env.Ring(notifier.faults, notified.Address(), time.Second).Notify(trace.ContextWithSpanContext(ctx, traced), &nodepb.NotifyRequest{Call: call})
		if err != nil {
			t.Error(err)
		}
	})
	f.rest(2 * base)
	f.ideal(20 * time.Second)
	if failed := failures.count.Load(); failed != 0 {
		t.Errorf("%d members reported as failed, and all live", failed)
	}
}
