package ingest

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
)

// A tally is the meter provider of one exporter. The Collector's exporters publish how much they have sent, dropped and
// queued only through their metrics. A tally keeps these few numbers, and nothing else.
type tally struct {
	noop.MeterProvider
	sent, dropped atomic.Uint64
	rejected      atomic.Uint64 // by partial success: see answers
	answered      atomic.Int64  // rejected of requests that the exporter has not counted yet

	mu     sync.Mutex
	gauges map[string]metric.Callback // guarded by mu; by instrument name
}

// Names of the Collector's instruments; the signal follows the underscore.
const (
	sentPrefix          = "otelcol_exporter_sent_"
	sendFailedPrefix    = "otelcol_exporter_send_failed_"
	enqueueFailedPrefix = "otelcol_exporter_enqueue_failed_"
	queueSizeName       = "otelcol_exporter_queue_size"
	queueCapacityName   = "otelcol_exporter_queue_capacity"
)

func (t *tally) Meter(string, ...metric.MeterOption) metric.Meter { return tallyMeter{t: t} }

type tallyMeter struct {
	noop.Meter
	t *tally
}

func (m tallyMeter) Int64Counter(name string, _ ...metric.Int64CounterOption) (metric.Int64Counter, error) {
	switch {
	case strings.HasPrefix(name, sentPrefix):
		return sentCounter{t: m.t}, nil
	case strings.HasPrefix(name, sendFailedPrefix), strings.HasPrefix(name, enqueueFailedPrefix):
		return tallyCounter{total: &m.t.dropped}, nil
	}
	return noop.Int64Counter{}, nil
}

type tallyCounter struct {
	noop.Int64Counter
	total *atomic.Uint64
}

func (c tallyCounter) Add(_ context.Context, n int64, _ ...metric.AddOption) {
	c.total.Add(uint64(max(n, 0)))
}

// reject counts records of a request that the exporter is about to count as sent. The number is bounded so that wrong
// answers of a store cannot make the sum overflow.
func (t *tally) reject(n int64) { t.answered.Add(min(max(n, 0), 1<<31)) }

// A sentCounter divides what the exporter counts as sent into sent and rejected. Neither number ever decreases, and
// their sum is what was forwarded, even if a store reports more rejections than it received records.
type sentCounter struct {
	noop.Int64Counter
	t *tally
}

func (c sentCounter) Add(_ context.Context, n int64, _ ...metric.AddOption) {
	for {
		all := c.t.answered.Load()
		rejected := min(max(n, 0), all)
		if c.t.answered.CompareAndSwap(all, all-rejected) {
			c.t.rejected.Add(uint64(rejected))
			c.t.sent.Add(uint64(max(n, 0) - rejected))
			return
		}
	}
}

// A tallyGauge is an observable gauge with its name.
type tallyGauge struct {
	noop.Int64ObservableGauge
	name string
}

func (m tallyMeter) Int64ObservableGauge(name string, _ ...metric.Int64ObservableGaugeOption) (metric.Int64ObservableGauge, error) {
	return tallyGauge{name: name}, nil
}

func (m tallyMeter) RegisterCallback(f metric.Callback, observed ...metric.Observable) (metric.Registration, error) {
	m.t.mu.Lock()
	defer m.t.mu.Unlock()
	for _, o := range observed {
		if g, ok := o.(tallyGauge); ok {
			if m.t.gauges == nil {
				m.t.gauges = map[string]metric.Callback{}
			}
			m.t.gauges[g.name] = f
		}
	}
	return noop.Registration{}, nil
}

// gauge reads the observable gauge of that name; 0 if there is none.
func (t *tally) gauge(name string) int64 {
	t.mu.Lock()
	f := t.gauges[name]
	t.mu.Unlock()
	var o tallyObserver
	if f != nil {
		_ = f(context.Background(), &o)
	}
	return o.value
}

type tallyObserver struct {
	noop.Observer
	value int64
}

func (o *tallyObserver) ObserveInt64(_ metric.Int64Observable, value int64, _ ...metric.ObserveOption) {
	o.value = value
}
