package otlpscan

import "strings"

// A Signal is the kind of request that a body is.
type Signal uint8

const (
	Logs Signal = iota
	Traces
	Metrics
)

func (s Signal) root() kind { return [...]kind{logsRequest, tracesRequest, metricsRequest}[s] }

// A kind is a message type of the schema, or one of the scalar kinds, which come first.
type kind uint8

const (
	unknown kind = iota // a field that the schema does not have: skipped
	text                // a string
	slice               // bytes or an identifier: in JSON the decoder accepts no escapes there
	int32s              // a number of the kind named, or an enum: in JSON also as a string
	uint32s
	int64s
	uint64s
	double
	flag    // a boolean
	texts   // repeated strings
	fixeds  // repeated numbers of eight bytes each
	doubles // repeated numbers of eight bytes each (floating point)
	varints // repeated numbers of one byte and more, which take eight in memory

	anyValue // the first message
	arrayValue
	keyValueList
	keyValue
	resource
	entityRef
	scope
	logsRequest
	resourceLogs
	scopeLogs
	logRecord
	tracesRequest
	resourceSpans
	scopeSpans
	span
	spanEvent
	spanLink
	spanStatus
	metricsRequest
	resourceMetrics
	scopeMetrics
	metricKind
	gauge
	sum
	histogram
	exponentialHistogram
	summary
	numberPoint
	histogramPoint
	exponentialPoint
	summaryPoint
	exemplar
	buckets
	quantile
	kinds
)

func (k kind) isMessage() bool { return k >= anyValue }

// A child is a field of a message.
type child struct {
	kind     kind
	repeated bool
}

const (
	maxNumber      = 16   // the greatest field number of the schema, apart from deprecatedList
	deprecatedList = 1000 // scopes under the name they had before OTLP 0.19; kept at index 0, which no field has
	maxName        = 32   // bytes of the longest field name, at least
)

// A message describes one message type of the schema.
type message struct {
	// cost is the memory of one decoded message: its struct, the pointer or slice element that holds it, what its slice
	// reserves while growing, and the box of a value.
	cost     int64
	children [maxNumber + 1]child
	names    map[string]child // as JSON may write them: lowerCamelCase or snake_case
}

var schema = func() (m [kinds]message) {
	row := func(k kind, cost int64, fields ...field) {
		m[k].cost, m[k].names = cost, map[string]child{}
		for _, f := range fields {
			number := f.number
			if number == deprecatedList {
				number = 0
			}
			m[k].children[number] = f.child
			m[k].names[f.name], m[k].names[camel(f.name)] = f.child, f.child
		}
	}
	attributes := func(number int) field { return many(number, "attributes", keyValue) }
	dropped := func(number int) field { return one(number, "dropped_attributes_count", uint32s) }
	times := func(start, at int) []field {
		return []field{one(start, "start_time_unix_nano", uint64s), one(at, "time_unix_nano", uint64s)}
	}
	with := func(fields []field, more ...field) []field { return append(fields, more...) }

	row(anyValue, 80, one(1, "string_value", text), one(2, "bool_value", flag), one(3, "int_value", int64s),
		one(4, "double_value", double), one(5, "array_value", arrayValue), one(6, "kvlist_value", keyValueList),
		one(7, "bytes_value", slice), one(8, "string_value_strindex", int32s))
	row(arrayValue, 32, many(1, "values", anyValue))
	row(keyValueList, 32, many(1, "values", keyValue))
	row(keyValue, 64, one(1, "key", text), one(2, "value", anyValue), one(3, "key_strindex", int32s))
	row(resource, 32, attributes(1), dropped(2), many(3, "entity_refs", entityRef))
	row(entityRef, 128, one(1, "schema_url", text), one(2, "type", text), one(3, "id_keys", texts), one(4, "description_keys", texts))
	row(scope, 32, one(1, "name", text), one(2, "version", text), attributes(3), dropped(4))

	row(logsRequest, 64, many(1, "resource_logs", resourceLogs))
	row(resourceLogs, 192, one(1, "resource", resource), many(2, "scope_logs", scopeLogs), one(3, "schema_url", text),
		many(deprecatedList, "deprecated_scope_logs", scopeLogs))
	row(scopeLogs, 176, one(1, "scope", scope), many(2, "log_records", logRecord), one(3, "schema_url", text))
	row(logRecord, 208, one(1, "time_unix_nano", uint64s), one(11, "observed_time_unix_nano", uint64s), one(2, "severity_number", int32s),
		one(3, "severity_text", text), one(5, "body", anyValue), attributes(6), dropped(7), one(8, "flags", uint32s),
		one(9, "trace_id", slice), one(10, "span_id", slice), one(12, "event_name", text))

	row(tracesRequest, 64, many(1, "resource_spans", resourceSpans))
	row(resourceSpans, 192, one(1, "resource", resource), many(2, "scope_spans", scopeSpans), one(3, "schema_url", text),
		many(deprecatedList, "deprecated_scope_spans", scopeSpans))
	row(scopeSpans, 176, one(1, "scope", scope), many(2, "spans", span), one(3, "schema_url", text))
	row(span, 320, one(1, "trace_id", slice), one(2, "span_id", slice), one(3, "trace_state", text), one(4, "parent_span_id", slice),
		one(16, "flags", uint32s), one(5, "name", text), one(6, "kind", int32s),
		one(7, "start_time_unix_nano", uint64s), one(8, "end_time_unix_nano", uint64s), attributes(9), dropped(10), many(11, "events", spanEvent), one(12, "dropped_events_count", uint32s), many(13, "links", spanLink),
		one(14, "dropped_links_count", uint32s), one(15, "status", spanStatus))
	row(spanEvent, 96, one(1, "time_unix_nano", uint64s), one(2, "name", text), attributes(3), dropped(4))
	row(spanLink, 128, one(1, "trace_id", slice), one(2, "span_id", slice), one(3, "trace_state", text), attributes(4), dropped(5), one(6, "flags", uint32s))
	row(spanStatus, 0, one(2, "message", text), one(3, "code", int32s))

	row(metricsRequest, 64, many(1, "resource_metrics", resourceMetrics))
	row(resourceMetrics, 192, one(1, "resource", resource), many(2, "scope_metrics", scopeMetrics), one(3, "schema_url", text),
		many(deprecatedList, "deprecated_scope_metrics", scopeMetrics))
	row(scopeMetrics, 176, one(1, "scope", scope), many(2, "metrics", metricKind), one(3, "schema_url", text))
	row(metricKind, 144, one(1, "name", text), one(2, "description", text), one(3, "unit", text), one(5, "gauge", gauge), one(7, "sum", sum),
		one(9, "histogram", histogram), one(10, "exponential_histogram", exponentialHistogram), one(11, "summary", summary), many(12, "metadata", keyValue))
	temporality := one(2, "aggregation_temporality", int32s)
	row(gauge, 48, many(1, "data_points", numberPoint))
	row(sum, 48, many(1, "data_points", numberPoint), temporality, one(3, "is_monotonic", flag))
	row(histogram, 48, many(1, "data_points", histogramPoint), temporality)
	row(exponentialHistogram, 48, many(1, "data_points", exponentialPoint), temporality)
	row(summary, 48, many(1, "data_points", summaryPoint))
	row(numberPoint, 144, with(times(2, 3), attributes(7), one(4, "as_double", double), one(6, "as_int", int64s), many(5, "exemplars", exemplar),
		one(8, "flags", uint32s))...)
	row(histogramPoint, 240, with(times(2, 3), attributes(9), one(4, "count", uint64s), one(5, "sum", double), one(6, "bucket_counts", fixeds),
		one(7, "explicit_bounds", doubles), many(8, "exemplars", exemplar), one(10, "flags", uint32s), one(11, "min", double), one(12, "max", double))...)
	row(exponentialPoint, 320, with(times(2, 3), attributes(1), one(4, "count", uint64s), one(5, "sum", double), one(6, "scale", int32s),
		one(7, "zero_count", uint64s), one(8, "positive", buckets), one(9, "negative", buckets), one(10, "flags", uint32s),
		many(11, "exemplars", exemplar), one(12, "min", double), one(13, "max", double), one(14, "zero_threshold", double))...)
	row(summaryPoint, 144, with(times(2, 3), attributes(7), one(4, "count", uint64s), one(5, "sum", double),
		many(6, "quantile_values", quantile), one(8, "flags", uint32s))...)
	row(exemplar, 176, many(7, "filtered_attributes", keyValue), one(2, "time_unix_nano", uint64s), one(3, "as_double", double),
		one(6, "as_int", int64s), one(4, "span_id", slice), one(5, "trace_id", slice))
	row(buckets, 0, one(1, "offset", int32s), one(2, "bucket_counts", varints))
	row(quantile, 32, one(1, "quantile", double), one(2, "value", double))

	return m
}()

type field struct {
	number int
	name   string
	child
}

func one(number int, name string, k kind) field { return field{number, name, child{kind: k}} }

func many(number int, name string, k kind) field {
	return field{number, name, child{kind: k, repeated: true}}
}

// camel returns a field's name in JSON.
func camel(snake string) string {
	words := strings.Split(snake, "_")
	for i, w := range words[1:] {
		words[i+1] = strings.ToUpper(w[:1]) + w[1:]
	}
	return strings.Join(words, "")
}

// childOf returns the field with that number.
func (m *message) childOf(number uint64) child {
	switch {
	case number == deprecatedList:
		return m.children[0]
	case number >= 1 && number <= maxNumber:
		return m.children[number]
	}
	return child{}
}
