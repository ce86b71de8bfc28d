package replay

import (
	"time"

	"go.opentelemetry.io/collector/pdata/plog"

	"chordconductor/conductor/recording"
	"chordconductor/otel/chordevent"
)

// eventsOf decodes the events among log records. Records that are malformed, or not events, were not events for the
// receiver either.
func eventsOf(ld plog.Logs) []chordevent.Event {
	var events []chordevent.Event
	for _, rl := range ld.ResourceLogs().All() {
		source := chordevent.SourceOf(rl.Resource())
		for _, sl := range rl.ScopeLogs().All() {
			for _, record := range sl.LogRecords().All() {
				if ev, _, err := chordevent.Decode(source, record); err == nil {
					events = append(events, ev)
				}
			}
		}
	}
	return events
}

// timeOf estimates when a message was sent: its latest event, or the latest end of a span.
func timeOf(m recording.Message) (at time.Time) {
	later := func(t time.Time) {
		if t.UnixNano() > 0 && t.After(at) {
			at = t
		}
	}
	if m.Logs != nil {
		for _, rl := range m.Logs.ResourceLogs().All() {
			for _, sl := range rl.ScopeLogs().All() {
				for _, record := range sl.LogRecords().All() {
					later(record.Timestamp().AsTime())
				}
			}
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
