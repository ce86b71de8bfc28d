package emissions

import (
	"context"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/embedded"
	"go.opentelemetry.io/otel/metric/noop"

	"chordconductor/otel/chordevent"
)

// Metrics returns a provider of meters that record. Its Collect reads the observable instruments.
func (r *Recorder) Metrics() *Metrics { return &Metrics{recorder: r} }

// Metrics is a provider of meters that record.
type Metrics struct {
	embedded.MeterProvider
	recorder *Recorder
	reads    []func(context.Context) error
}

// Meter returns a meter that records.
func (p *Metrics) Meter(string, ...metric.MeterOption) metric.Meter { return meter{provider: p} }

// Collect reads the observable instruments.
func (p *Metrics) Collect(ctx context.Context) error {
	p.recorder.mu.Lock()
	reads := slices.Clone(p.reads)
	p.recorder.mu.Unlock()
	for _, read := range reads {
		if err := read(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (p *Metrics) observe(read func(context.Context) error) {
	p.recorder.mu.Lock()
	defer p.recorder.mu.Unlock()
	p.reads = append(p.reads, read)
}

type meter struct {
	noop.Meter
	provider *Metrics
}

func (p *Metrics) note(of string, zero bool, set attribute.Set) {
	if !strings.HasPrefix(of, "chord.") {
		return
	}
	p.recorder.note(chordevent.SignalMetrics, of, set.ToSlice()...)
	if zero {
		p.zero(of, set)
	}
}

func (p *Metrics) zero(of string, set attribute.Set) {
	p.recorder.mu.Lock()
	defer p.recorder.mu.Unlock()
	if p.recorder.zeros[of] == nil {
		p.recorder.zeros[of] = map[attribute.Distinct]bool{}
	}
	p.recorder.zeros[of][set.Equivalent()] = true
}

type counter struct {
	noop.Int64Counter
	add
}

type upDown struct {
	noop.Int64UpDownCounter
	add
}

// add is an instrument that records what is counted. The zero with which a counter begins is
// recorded separately: it does not prove that anything is ever counted.
type add struct {
	provider *Metrics
	name     string
}

func (a add) count(n int64, opts []metric.AddOption) {
	set := metric.NewAddConfig(opts).Attributes()
	if n == 0 {
		a.provider.zero(a.name, set)
		return
	}
	a.provider.note(a.name, false, set)
}

func (c counter) Add(_ context.Context, n int64, opts ...metric.AddOption) { c.count(n, opts) }
func (c upDown) Add(_ context.Context, n int64, opts ...metric.AddOption)  { c.count(n, opts) }

func (m meter) Int64Counter(of string, _ ...metric.Int64CounterOption) (metric.Int64Counter, error) {
	return counter{add: add{m.provider, of}}, nil
}

func (m meter) Int64UpDownCounter(of string, _ ...metric.Int64UpDownCounterOption) (metric.Int64UpDownCounter, error) {
	return upDown{add: add{m.provider, of}}, nil
}

type intHistogram struct {
	noop.Int64Histogram
	add
}

func (h intHistogram) Record(_ context.Context, _ int64, opts ...metric.RecordOption) {
	h.provider.note(h.name, false, metric.NewRecordConfig(opts).Attributes())
}

func (m meter) Int64Histogram(of string, _ ...metric.Int64HistogramOption) (metric.Int64Histogram, error) {
	return intHistogram{add: add{m.provider, of}}, nil
}

type floatHistogram struct {
	noop.Float64Histogram
	add
}

func (h floatHistogram) Record(_ context.Context, _ float64, opts ...metric.RecordOption) {
	h.provider.note(h.name, false, metric.NewRecordConfig(opts).Attributes())
}

func (m meter) Float64Histogram(of string, _ ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	return floatHistogram{add: add{m.provider, of}}, nil
}

type intObserver struct {
	embedded.Int64Observer
	add
}

func (o intObserver) Observe(n int64, opts ...metric.ObserveOption) {
	o.provider.note(o.name, n == 0, metric.NewObserveConfig(opts).Attributes())
}

type floatObserver struct {
	embedded.Float64Observer
	add
}

func (o floatObserver) Observe(n float64, opts ...metric.ObserveOption) {
	o.provider.note(o.name, n == 0, metric.NewObserveConfig(opts).Attributes())
}

func (m meter) observeInts(of string, callbacks []metric.Int64Callback) {
	for _, read := range callbacks {
		m.provider.observe(func(ctx context.Context) error { return read(ctx, intObserver{add: add{m.provider, of}}) })
	}
}

func (m meter) Int64ObservableCounter(of string, opts ...metric.Int64ObservableCounterOption) (metric.Int64ObservableCounter, error) {
	m.observeInts(of, metric.NewInt64ObservableCounterConfig(opts...).Callbacks())
	return noop.Int64ObservableCounter{}, nil
}

func (m meter) Int64ObservableGauge(of string, opts ...metric.Int64ObservableGaugeOption) (metric.Int64ObservableGauge, error) {
	m.observeInts(of, metric.NewInt64ObservableGaugeConfig(opts...).Callbacks())
	return noop.Int64ObservableGauge{}, nil
}

func (m meter) Float64ObservableGauge(of string, opts ...metric.Float64ObservableGaugeOption) (metric.Float64ObservableGauge, error) {
	for _, read := range metric.NewFloat64ObservableGaugeConfig(opts...).Callbacks() {
		m.provider.observe(func(ctx context.Context) error { return read(ctx, floatObserver{add: add{m.provider, of}}) })
	}
	return noop.Float64ObservableGauge{}, nil
}
