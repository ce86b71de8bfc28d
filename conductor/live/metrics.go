package live

import (
	"context"
	"maps"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"chordconductor/conductor/ring"
	"chordconductor/otel/chordevent"
)

// instruments are the conductor's own metrics of the ring. All but one are read from published values when the meter
// collects.
type instruments struct {
	staleness metric.Float64Histogram
	applied   metric.MeasurementOption
}

func newInstruments(meter metric.Meter, l *Live) (*instruments, error) {
	staleness, err := chordevent.RingStaleness.Float64Histogram(meter)
	if err != nil {
		return nil, err
	}
	gauges := []struct {
		row  *chordevent.Metric
		read metric.Int64Callback
	}{
		{&chordevent.RingMembers, l.observeMembers},
		{&chordevent.RingRefused, func(_ context.Context, o metric.Int64Observer) error {
			v := l.View()
			o.Observe(int64(v.Counts.RefusedMembers), ringName(v))
			return nil
		}},
		{&chordevent.RingUncertain, func(_ context.Context, o metric.Int64Observer) error {
			v := l.View()
			o.Observe(int64(v.Certainty.Count), ringName(v))
			return nil
		}},
		{&chordevent.RingError, func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(int64(l.View().Error), ringName(l.View()))
			return nil
		}},
		{&chordevent.RingFaults, l.observeFaults},
		{&chordevent.RingStatus, l.observeStatus},
		{&chordevent.RingViolations, l.observeViolations},
		{&chordevent.ConductorQueue, func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(int64(l.events.len()), metric.WithAttributes(chordevent.QueueKey.String("events")))
			o.Observe(int64(l.side.len()), metric.WithAttributes(chordevent.QueueKey.String("spans")))
			return nil
		}},
	}
	for _, g := range gauges {
		if _, err := g.row.Int64ObservableGauge(meter, g.read); err != nil {
			return nil, err
		}
	}
	if _, err := chordevent.ConductorAssertions.Int64ObservableCounter(meter, l.observeAssertions); err != nil {
		return nil, err
	}
	if _, err := chordevent.QueueUtilization.Float64ObservableGauge(meter, func(_ context.Context, o metric.Float64Observer) error {
		o.Observe(l.events.utilization(), metric.WithAttributes(chordevent.QueueKey.String("events")))
		o.Observe(l.side.utilization(), metric.WithAttributes(chordevent.QueueKey.String("spans")))
		return nil
	}); err != nil {
		return nil, err
	}
	if _, err := chordevent.RingCertain.Float64ObservableGauge(meter, func(_ context.Context, o metric.Float64Observer) error {
		v := l.View()
		o.Observe(v.Certainty.Share(), ringName(v))
		return nil
	}); err != nil {
		return nil, err
	}
	totals := []struct {
		row  *chordevent.Metric
		read metric.Int64Callback
	}{
		{&chordevent.ConductorEvents, l.observeEvents},
		{&chordevent.ConductorIgnored, func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(int64(l.counts.ignored.Load()))
			return nil
		}},
		{&chordevent.ConductorDropped, func(_ context.Context, o metric.Int64Observer) error {
			// This does not count traces that were dropped because some of their spans are missing: then no queue was
			// full.
			o.Observe(int64(l.counts.spansDropped.Load()), metric.WithAttributes(chordevent.QueueKey.String("spans")))
			return nil
		}},
	}
	for _, t := range totals {
		if _, err := t.row.Int64ObservableCounter(meter, t.read); err != nil {
			return nil, err
		}
	}
	if err := newMemberInstruments(meter, l); err != nil {
		return nil, err
	}
	applied := metric.WithAttributeSet(attribute.NewSet(chordevent.StageKey.String("applied")))
	return &instruments{staleness: staleness, applied: applied}, nil
}

func (i *instruments) stale(ctx context.Context, d time.Duration) {
	i.staleness.Record(ctx, d.Seconds(), i.applied)
}

func ringName(v *ring.View) metric.MeasurementOption {
	return metric.WithAttributes(chordevent.RingNameKey.String(v.Name))
}

func (l *Live) observeMembers(_ context.Context, o metric.Int64Observer) error {
	v := l.View()
	for _, c := range []struct {
		status string
		n      int
	}{
		{"joining", v.Counts.Joining}, {"active", v.Counts.Active}, {"leaving", v.Counts.Leaving},
		{"left", v.Counts.Left}, {"failed", v.Counts.Failed}, {"silent", v.Counts.Silent},
	} {
		o.Observe(int64(c.n), metric.WithAttributes(chordevent.RingNameKey.String(v.Name), chordevent.MemberStatusKey.String(c.status)))
	}
	return nil
}

func (l *Live) observeStatus(_ context.Context, o metric.Int64Observer) error {
	v := l.View()
	for s := ring.Unknown; s <= ring.Violated; s++ {
		is := int64(0)
		if s == v.Status {
			is = 1
		}
		o.Observe(is, metric.WithAttributes(chordevent.RingNameKey.String(v.Name), chordevent.RingStatusKey.String(s.String())))
	}
	return nil
}

func (l *Live) observeFaults(_ context.Context, o metric.Int64Observer) error {
	v := l.View()
	for k, n := range v.FaultCounts {
		if k != 0 {
			o.Observe(int64(n), metric.WithAttributes(chordevent.RingNameKey.String(v.Name), chordevent.FaultKindKey.String(ring.FaultKind(k).String())))
		}
	}
	return nil
}

// observeViolations observes the number of present violations for each condition, 0 included.
func (l *Live) observeViolations(_ context.Context, o metric.Int64Observer) error {
	v := l.View()
	n := map[string]int64{} // every condition is observed from the start: otherwise the series of its first violation would not rise from 0
	for _, condition := range ring.Conditions {
		n[condition] = 0
	}
	for _, violation := range v.Violations {
		if violation.Healed.IsZero() {
			n[violation.Condition]++
		}
	}
	for condition, count := range n {
		o.Observe(count, metric.WithAttributes(chordevent.RingNameKey.String(v.Name), chordevent.ConditionKey.String(condition)))
	}
	return nil
}

func (l *Live) observeEvents(_ context.Context, o metric.Int64Observer) error {
	c := l.View().Counts
	n := map[string]uint64{"applied": c.Applied, "outdated": c.Outdated, "refused": c.Refused}
	maps.Copy(n, l.counts.rejections())
	// Every outcome is observed from the start: otherwise the series of its first event would not rise from 0.
	for _, outcome := range chordevent.ConductorEvents.Values(chordevent.EventOutcomeKey) {
		o.Observe(int64(n[outcome]), metric.WithAttributes(chordevent.EventOutcomeKey.String(outcome)))
	}
	return nil
}

// observeAssertions observes all names, so that those at 0 are series, too.
func (l *Live) observeAssertions(_ context.Context, o metric.Int64Observer) error {
	for _, name := range chordevent.ConductorAssertions.Values(chordevent.AssertionKey) {
		o.Observe(l.cfg.Ring.Assertions.Of(name), metric.WithAttributes(chordevent.AssertionKey.String(name)))
	}
	return nil
}
