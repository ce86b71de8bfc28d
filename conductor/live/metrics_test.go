package live

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"

	"chordconductor/conductor/internal/otlptest"
	"chordconductor/otel/chordevent"
)

// A probe is a meter that can be asked for the values of its observable instruments, and counts what is recorded.
type probe struct {
	noop.Meter
	callbacks map[string][]metric.Int64Callback
	recorded  map[string]int
}

func newProbe() *probe {
	return &probe{callbacks: map[string][]metric.Int64Callback{}, recorded: map[string]int{}}
}

func (p *probe) Int64ObservableGauge(name string, opts ...metric.Int64ObservableGaugeOption) (metric.Int64ObservableGauge, error) {
	p.callbacks[name] = metric.NewInt64ObservableGaugeConfig(opts...).Callbacks()
	return noop.Int64ObservableGauge{}, nil
}

func (p *probe) Int64ObservableCounter(name string, opts ...metric.Int64ObservableCounterOption) (metric.Int64ObservableCounter, error) {
	p.callbacks[name] = metric.NewInt64ObservableCounterConfig(opts...).Callbacks()
	return noop.Int64ObservableCounter{}, nil
}

func (p *probe) Float64Histogram(name string, _ ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	return probeHistogram{p: p, name: name}, nil
}

type probeHistogram struct {
	noop.Float64Histogram
	p    *probe
	name string
}

func (h probeHistogram) Record(context.Context, float64, ...metric.RecordOption) {
	h.p.recorded[h.name]++
}

// values asks for an instrument's values, by their attributes.
func (p *probe) values(t *testing.T, m chordevent.Metric) map[string]int64 {
	t.Helper()
	got := probeObserver{values: map[string]int64{}}
	for _, f := range p.callbacks[m.Name] {
		if err := f(t.Context(), got); err != nil {
			t.Error(err)
		}
	}
	return got.values
}

type probeObserver struct {
	noop.Int64Observer
	values map[string]int64
}

func (o probeObserver) Observe(value int64, opts ...metric.ObserveOption) {
	set := metric.NewObserveConfig(opts).Attributes()
	key := ""
	for _, kv := range set.ToSlice() {
		key += string(kv.Key) + "=" + kv.Value.String() + ";"
	}
	o.values[key] = value
}

func TestOwnMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProbe()
		l := running(t, Config{Meter: p})
		_, events := otlptest.Ring(16, 4, time.Now())
		l.Offer(events, time.Now())
		l.Offer(events[:3:3], time.Now()) // sent twice
		l.Reject(chordevent.ReasonMissing)
		l.Ignore(2)
		time.Sleep(time.Second + advanceEvery/2)
		synctest.Wait()
		for _, c := range []struct {
			metric chordevent.Metric
			key    string
			want   int64
		}{
			{chordevent.RingMembers, "chord.member.status=active;chord.ring.name=test;", 16},
			{chordevent.RingMembers, "chord.member.status=failed;chord.ring.name=test;", 0},
			{chordevent.RingError, "chord.ring.name=test;", 0},
			{chordevent.RingUncertain, "chord.ring.name=test;", 0},
			{chordevent.ConductorEvents, "chord.event.outcome=applied;", 16},
			{chordevent.ConductorEvents, "chord.event.outcome=outdated;", 3},
			{chordevent.ConductorEvents, "chord.event.outcome=missing;", 1},
			{chordevent.ConductorIgnored, "", 2},
			{chordevent.ConductorQueue, "chord.queue=events;", 0},
			{chordevent.ConductorDropped, "chord.queue=spans;", 0},
		} {
			values := p.values(t, c.metric)
			if got, told := values[c.key]; !told || got != c.want {
				t.Errorf("%s{%s} = %d (told: %v), want %d; all: %v", c.metric.Name, c.key, got, told, c.want, values)
			}
		}
		if n := p.recorded[chordevent.RingStaleness.Name]; n != 19 {
			t.Errorf("staleness of %d events recorded, want 19", n)
		}
	})
}
