package live

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/metric"

	"chordconductor/conductor/ring"
	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// newMemberInstruments makes the metrics that have a series for each member. They are read from the view when the meter
// collects, and only while the ring has at most MemberMetricsLimit members: that bounds the time series in every store.
func newMemberInstruments(meter metric.Meter, l *Live) error {
	for _, gauge := range []struct {
		row  *chordevent.Metric
		read func(metric.Int64Observer, *ring.Member, ...metric.ObserveOption)
	}{
		{&chordevent.MemberKeys, func(o metric.Int64Observer, m *ring.Member, id ...metric.ObserveOption) {
			o.Observe(m.Load.OwnedKeys, append(id, metric.WithAttributes(chordevent.StoreRoleKey.String("owned")))...)
			o.Observe(m.Load.ReplicaKeys, append(id, metric.WithAttributes(chordevent.StoreRoleKey.String("replica")))...)
		}},
		{&chordevent.MemberSize, func(o metric.Int64Observer, m *ring.Member, id ...metric.ObserveOption) {
			o.Observe(m.Load.Bytes, id...)
		}},
		{&chordevent.MemberError, func(o metric.Int64Observer, m *ring.Member, id ...metric.ObserveOption) {
			o.Observe(int64(m.Error), id...)
		}},
		{&chordevent.MemberAge, func(o metric.Int64Observer, m *ring.Member, id ...metric.ObserveOption) {
			o.Observe(int64(max(0, time.Since(m.LastEvent)).Seconds()), id...)
		}},
	} {
		if _, err := gauge.row.Int64ObservableGauge(meter, l.eachMember(gauge.read)); err != nil {
			return err
		}
	}
	_, err := chordevent.MemberOperations.Int64ObservableCounter(meter, l.eachMember(
		func(o metric.Int64Observer, m *ring.Member, id ...metric.ObserveOption) {
			for operation, served := range map[string]int64{
				chordevent.SpanGet: m.Load.Gets, chordevent.SpanPut: m.Load.Puts, chordevent.SpanDelete: m.Load.Deletes,
			} {
				o.Observe(served, append(id, metric.WithAttributes(chordevent.OperationKey.String(operation)))...)
			}
		}))
	return err
}

// eachMember calls observe for every member that is part of the ring, unless there are too many.
func (l *Live) eachMember(observe func(metric.Int64Observer, *ring.Member, ...metric.ObserveOption)) metric.Int64Callback {
	return func(_ context.Context, o metric.Int64Observer) error {
		view := l.View()
		if len(view.Members) > chordevent.MemberMetricsLimit {
			return nil
		}
		space, err := chord.NewSpace(view.Bits)
		if err != nil {
			return nil // no member has reported the ring's size yet
		}
		for _, m := range view.Members {
			if m.Gone() {
				continue
			}
			observe(o, m, metric.WithAttributes(chordevent.NodeIDKey.String(space.Format(m.ID))))
		}
		return nil
	}
}
