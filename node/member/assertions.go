package member

import (
	"context"

	"go.opentelemetry.io/otel/metric"

	"chordconductor/internal/assertion"
	"chordconductor/node/chord"
	"chordconductor/otel/chordevent"
)

// EmitAssertions emits a metric of the failed assertions of a process's members, for each name, so
// that names with the count 0 are series, too. A process calls it once.
func EmitAssertions(meters metric.MeterProvider, counts *assertion.Counts) error {
	row := &chordevent.NodeAssertions
	sets, names := row.Series(), row.Values(chordevent.AssertionKey)
	_, err := row.Int64ObservableCounter(meters.Meter(scope), func(_ context.Context, o metric.Int64Observer) error {
		for i, name := range names {
			o.Observe(counts.Of(name), metric.WithAttributeSet(sets[i]))
		}
		return nil
	})
	return err
}

// checkPointers asserts what must be true of a member's pointers whatever its peers answer.
func (m *Member) checkPointers(s chord.State) {
	if !s.Ordered() {
		m.host.in.broken.Failed(chordevent.AssertSuccessorList, "successors of %s: %v", m.hex, s.Succ)
	}
	if s.Pred.Real() && s.Pred.ID == s.Self.ID {
		m.host.in.broken.Failed(chordevent.AssertPredecessor, "%s has itself as predecessor: %v", m.hex, s.Pred)
	}
}
