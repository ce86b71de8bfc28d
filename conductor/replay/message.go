package replay

import (
	"time"

	"chordconductor/conductor/recording"
	"chordconductor/otel/chordevent"
)

// timeOf estimates when a message was sent: its latest event, or the latest end of a span.
func timeOf(m recording.Message) (at time.Time) {
	later := func(t time.Time) {
		if t.UnixNano() > 0 && t.After(at) {
			at = t
		}
	}
	if m.Logs != nil {
		for _, record := range chordevent.Records(*m.Logs) {
			later(record.Timestamp().AsTime())
		}
	}
	if m.Traces != nil {
		for _, rs := range m.Traces.ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for _, span := range ss.Spans().All() {
					later(span.EndTimestamp().AsTime())
				}
			}
		}
	}
	return at
}
