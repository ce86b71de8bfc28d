package chordevent

import (
	"iter"

	"go.opentelemetry.io/collector/pdata/plog"
)

// Records returns the log records of a request in their order, each with its source.
func Records(ld plog.Logs) iter.Seq2[Source, plog.LogRecord] {
	return func(yield func(Source, plog.LogRecord) bool) {
		for _, rl := range ld.ResourceLogs().All() {
			source := SourceOf(rl.Resource())
			for _, sl := range rl.ScopeLogs().All() {
				for _, record := range sl.LogRecords().All() {
					if !yield(source, record) {
						return
					}
				}
			}
		}
	}
}

// DecodeLogs decodes the events of a request in their order. Records that are malformed, or no events, are left out.
func DecodeLogs(ld plog.Logs) []Event {
	events := make([]Event, 0, ld.LogRecordCount())
	for source, record := range Records(ld) {
		if ev, _, err := Decode(source, record); err == nil {
			events = append(events, ev)
		}
	}
	return events
}
