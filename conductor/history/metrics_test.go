package history

import (
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"

	"chordconductor/conductor/internal/otlptest"
	"chordconductor/otel/chordevent"
)

// A probe is a meter whose observable instruments can be asked.
type probe struct {
	noop.Meter
	read map[string][]metric.Int64Callback
}

func (p probe) Int64ObservableGauge(name string, opts ...metric.Int64ObservableGaugeOption) (metric.Int64ObservableGauge, error) {
	p.read[name] = metric.NewInt64ObservableGaugeConfig(opts...).Callbacks()
	return noop.Int64ObservableGauge{}, nil
}

func (p probe) Int64ObservableCounter(name string, opts ...metric.Int64ObservableCounterOption) (metric.Int64ObservableCounter, error) {
	p.read[name] = metric.NewInt64ObservableCounterConfig(opts...).Callbacks()
	return noop.Int64ObservableCounter{}, nil
}

// values asks for an instrument's values, by outcome.
func (p probe) values(t *testing.T, m chordevent.Metric) observed {
	t.Helper()
	got := observed{values: map[string]int64{}}
	for _, f := range p.read[m.Name] {
		if err := f(t.Context(), got); err != nil {
			t.Error(err)
		}
	}
	return got
}

type observed struct {
	noop.Int64Observer
	values map[string]int64
}

func (o observed) Observe(v int64, opts ...metric.ObserveOption) {
	set := metric.NewObserveConfig(opts).Attributes()
	outcome, _ := set.Value(attribute.Key(chordevent.OutcomeKey))
	o.values[outcome.AsString()] = v
}

// What is recorded, and what is not, shows in the conductor's metrics.
func TestMetrics(t *testing.T) {
	p := probe{read: map[string][]metric.Int64Callback{}}
	h, err := Open(Options{Meter: p})
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Unix(1790000000, 0)
	_, events := otlptest.Ring(8, 2, begin)
	for i := range events {
		h.Append(&events[i], begin.Add(time.Duration(i)*time.Second))
	}
	h.Flush()
	if got := p.values(t, chordevent.HistoryEntries).values; got["recorded"] != 8 || got["dropped"] != 0 || got["failed"] != 0 || len(got) != 3 {
		t.Errorf("entries %v, want 8 recorded", got)
	}
	if got := p.values(t, chordevent.HistorySize).values[""]; got == 0 || got != h.Stats().Bytes {
		t.Errorf("size %d, want %d", got, h.Stats().Bytes)
	}
	if got := p.values(t, chordevent.HistoryReach).values[""]; got != 7 {
		t.Errorf("it reaches %d s back, want 7", got)
	}
	if got := p.values(t, chordevent.HistoryWaiting).values[""]; got != 0 {
		t.Errorf("%d wait", got)
	}
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	h.Append(&events[0], begin.Add(time.Minute))
	if got := p.values(t, chordevent.HistoryEntries).values["dropped"]; got != 1 {
		t.Errorf("%d dropped after the end, want 1", got)
	}
}
