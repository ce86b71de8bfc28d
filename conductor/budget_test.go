package main

import (
	"context"
	"slices"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"

	"chordconductor/conductor/memory"
	"chordconductor/otel/chordevent"
)

// A memoryMeter records what is observed, by instrument and by part of the budget.
type memoryMeter struct {
	noop.Meter
	read map[string]metric.Int64Callback
}

func (m memoryMeter) Int64ObservableGauge(name string, options ...metric.Int64ObservableGaugeOption) (metric.Int64ObservableGauge, error) {
	m.read[name] = metric.NewInt64ObservableGaugeConfig(options...).Callbacks()[0]
	return noop.Int64ObservableGauge{}, nil
}

func (m memoryMeter) Int64ObservableCounter(name string, options ...metric.Int64ObservableCounterOption) (metric.Int64ObservableCounter, error) {
	m.read[name] = metric.NewInt64ObservableCounterConfig(options...).Callbacks()[0]
	return noop.Int64ObservableCounter{}, nil
}

type observer struct {
	noop.Int64Observer
	by map[string]int64
}

func (o observer) Observe(value int64, options ...metric.ObserveOption) {
	attributes := metric.NewObserveConfig(options).Attributes()
	part, _ := attributes.Value(attribute.Key(chordevent.MemoryPartKey))
	o.by[part.AsString()] = value
}

// The metrics name each part of the budget, and the documentation of metrics names the same.
func TestMemoryIsMeasured(t *testing.T) {
	b, err := memory.New(1<<30, "a test")
	if err != nil {
		t.Fatal(err)
	}
	var parts []string
	for _, u := range b.Usage() {
		parts = append(parts, u.Part)
	}
	if named := chordevent.ConductorMemory.Values(chordevent.MemoryPartKey); !slices.Equal(named, parts) {
		t.Errorf("the metrics name %v, and the budget has %v", named, parts)
	}
	meter := memoryMeter{read: map[string]metric.Int64Callback{}}
	if err := instrumentMemory(meter, func() *memory.Budget { return b }); err != nil {
		t.Fatal(err)
	}
	b.Fold.Set(77)
	b.Fold.RefuseAll(3)
	for name, want := range map[string]int64{"chord.conductor.memory": 77, "chord.conductor.memory.limit": b.Fold.Limit(), "chord.conductor.memory.short": 3} {
		o := observer{by: map[string]int64{}}
		if read := meter.read[name]; read == nil {
			t.Errorf("%s is missing", name)
		} else if err := read(context.Background(), o); err != nil || o.by["fold"] != want || len(o.by) != len(parts) {
			t.Errorf("%s: %v, %v; want %d of the fold", name, o.by, err, want)
		}
	}
}
