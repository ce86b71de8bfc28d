package eventlog

import (
	"context"

	"go.opentelemetry.io/otel/metric"

	"chordconductor/otel/chordevent"
)

// instrument makes the metrics. All of them are read from Stats when the meter collects.
func (h *History) instrument(meter metric.Meter) error {
	_, err := chordevent.HistoryEntries.Int64ObservableCounter(meter, func(_ context.Context, o metric.Int64Observer) error {
		st := h.Stats()
		observe := func(outcome string, n uint64) {
			o.Observe(int64(n), metric.WithAttributes(chordevent.OutcomeKey.String(outcome)))
		}
		observe("recorded", st.Events)
		observe("dropped", st.Dropped)
		observe("failed", st.Failed)
		return nil
	})
	if err != nil {
		return err
	}
	_, err = chordevent.QueueUtilization.Float64ObservableGauge(meter, func(_ context.Context, o metric.Float64Observer) error {
		o.Observe(float64(h.Stats().Waiting)/float64(h.queue.limit), metric.WithAttributes(chordevent.QueueKey.String("history")))
		return nil
	})
	if err != nil {
		return err
	}
	for _, gauge := range []struct {
		row  *chordevent.Metric
		read func(Stats) int64
	}{
		{&chordevent.HistorySize, func(st Stats) int64 { return st.Bytes }},
		{&chordevent.HistoryWaiting, func(st Stats) int64 { return int64(st.Waiting) }},
		{&chordevent.HistoryDamage, func(st Stats) int64 { return int64(st.Damaged) }},
		{&chordevent.HistoryReach, func(st Stats) int64 { return int64(st.To.Sub(st.From).Seconds()) }},
	} {
		if _, err := gauge.row.Int64ObservableGauge(meter, func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(gauge.read(h.Stats()))
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}
