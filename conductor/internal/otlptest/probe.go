package otlptest

import (
	"context"
	"slices"
	"testing"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/embedded"
	"go.opentelemetry.io/otel/metric/noop"

	"chordconductor/otel/chordevent"
)

// A Probe is a meter from which tests read the values of its observable instruments, and which counts the values
// recorded in its histograms. It is not safe for concurrent use.
type Probe struct {
	noop.Meter
	callbacks map[string][]metric.Int64Callback
	shares    map[string][]metric.Float64Callback
	recorded  map[string]int
}

// NewProbe returns a Probe that has no instruments yet.
func NewProbe() *Probe {
	return &Probe{callbacks: map[string][]metric.Int64Callback{}, shares: map[string][]metric.Float64Callback{}, recorded: map[string]int{}}
}

// Values returns an instrument's values. A key of the map is the value's attributes, sorted by name, each as
// "name=value;". An attribute that the vocabulary does not have is an error.
func (p *Probe) Values(t testing.TB, m chordevent.Metric) map[string]int64 {
	t.Helper()
	got := observer[int64]{t: t, metric: m, values: map[string]int64{}}
	ask[metric.Int64Observer](t, p.callbacks[m.Name], got)
	return got.values
}

// Shares is Values for an instrument whose values are not integers.
func (p *Probe) Shares(t testing.TB, m chordevent.Metric) map[string]float64 {
	t.Helper()
	got := observer[float64]{t: t, metric: m, values: map[string]float64{}}
	ask[metric.Float64Observer](t, p.shares[m.Name], got)
	return got.values
}

func ask[O any, F ~func(context.Context, O) error](t testing.TB, callbacks []F, o O) {
	t.Helper()
	for _, f := range callbacks {
		if err := f(t.Context(), o); err != nil {
			t.Error(err)
		}
	}
}

// Recorded returns the number of values that a histogram received.
func (p *Probe) Recorded(m chordevent.Metric) int { return p.recorded[m.Name] }

// Int64ObservableGauge implements metric.Meter.
func (p *Probe) Int64ObservableGauge(name string, opts ...metric.Int64ObservableGaugeOption) (metric.Int64ObservableGauge, error) {
	p.callbacks[name] = metric.NewInt64ObservableGaugeConfig(opts...).Callbacks()
	return noop.Int64ObservableGauge{}, nil
}

// Int64ObservableCounter implements metric.Meter.
func (p *Probe) Int64ObservableCounter(name string, opts ...metric.Int64ObservableCounterOption) (metric.Int64ObservableCounter, error) {
	p.callbacks[name] = metric.NewInt64ObservableCounterConfig(opts...).Callbacks()
	return noop.Int64ObservableCounter{}, nil
}

// Float64ObservableGauge implements metric.Meter.
func (p *Probe) Float64ObservableGauge(name string, opts ...metric.Float64ObservableGaugeOption) (metric.Float64ObservableGauge, error) {
	p.shares[name] = metric.NewFloat64ObservableGaugeConfig(opts...).Callbacks()
	return noop.Float64ObservableGauge{}, nil
}

// Float64Histogram implements metric.Meter.
func (p *Probe) Float64Histogram(name string, _ ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	return histogram{p: p, name: name}, nil
}

type histogram struct {
	noop.Float64Histogram
	p    *Probe
	name string
}

func (h histogram) Record(context.Context, float64, ...metric.RecordOption) { h.p.recorded[h.name]++ }

type observer[N int64 | float64] struct {
	embedded.Int64Observer
	embedded.Float64Observer
	t      testing.TB
	metric chordevent.Metric
	values map[string]N
}

func (o observer[N]) Observe(value N, opts ...metric.ObserveOption) {
	set := metric.NewObserveConfig(opts).Attributes()
	key := ""
	for _, kv := range set.ToSlice() {
		key += string(kv.Key) + "=" + kv.Value.String() + ";"
		if words := o.metric.Values(kv.Key); words != nil && !slices.Contains(words, kv.Value.AsString()) || !slices.Contains(o.metric.Attributes, kv.Key) {
			o.t.Errorf("%s has %s=%s, which no row of its tables has", o.metric.Name, kv.Key, kv.Value.String())
		}
	}
	o.values[key] = value
}
