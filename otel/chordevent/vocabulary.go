package chordevent

import (
	"slices"

	"go.opentelemetry.io/otel/attribute"
)

// Signals of the vocabulary's entries.
const (
	SignalEvents  = "events"
	SignalSpans   = "spans"
	SignalMetrics = "metrics"
)

// An Entry describes one event, span or metric. Vocabulary lists in Go what docs/telemetry.md
// documents, so that tests can compare it with what is emitted.
type Entry struct {
	Signal, Name string
	Attributes   []attribute.Key
	// Values lists the values of enumerated attributes. Other attributes have no row.
	Values map[attribute.Key][]string
}

// Vocabulary lists all events and spans, and the metrics of nodes.
func Vocabulary() (all []Entry) {
	for _, l := range layouts {
		e := Entry{SignalEvents, string(l.Kind), nil, map[attribute.Key][]string{}}
		for _, f := range l.Fields {
			e.add(attrs[f].Key, valuesOf(eventValues, attrs[f].Key, e.Name))
		}
		all = append(all, e)
	}
	for _, s := range spans {
		e := Entry{SignalSpans, s.Name, nil, map[attribute.Key][]string{}}
		for _, key := range slices.Concat([]attribute.Key{NodeIDKey, HostIDKey, OutcomeKey}, s.Attrs) {
			e.add(key, valuesOf(spanValues, key, e.Name))
		}
		all = append(all, e)
	}
	return append(all, metricEntries(nodeMetrics)...)
}

// ConductorVocabulary lists the metrics of the conductor.
func ConductorVocabulary() []Entry { return metricEntries(conductorMetrics) }

func metricEntries(metrics []*Metric) (all []Entry) {
	for _, m := range metrics {
		e := Entry{SignalMetrics, m.Name, nil, map[attribute.Key][]string{}}
		for _, key := range m.Attributes {
			e.add(key, m.Values(key))
		}
		all = append(all, e)
	}
	return all
}

// ConductorCounters lists the conductor's counters whose attributes are all enumerated.
func ConductorCounters() (all []*Metric) {
	for _, m := range conductorMetrics {
		if m.Instrument == Counter && !slices.ContainsFunc(m.Attributes, func(key attribute.Key) bool { return m.Values(key) == nil }) {
			all = append(all, m)
		}
	}
	return all
}

func (e *Entry) add(key attribute.Key, values []string) {
	e.Attributes = append(e.Attributes, key)
	if values != nil {
		e.Values[key] = values
	}
}

// SpanAttributeType returns the type of an attribute of spans, as docs/telemetry.md writes it, or
// the empty text if no attribute has that name.
func SpanAttributeType(key attribute.Key) string {
	for i := range spanAttrs {
		if spanAttrs[i].Key == key {
			return spanAttrs[i].Type
		}
	}
	return ""
}

// An enumRow lists the values of an attribute of events, or of spans.
type enumRow struct {
	Key    attribute.Key
	On     []string // names of events or spans; nil stands for all others that have the attribute
	Values []string
	Text   string
}

func valuesOf(rows []enumRow, key attribute.Key, name string) []string {
	for _, r := range rows {
		if r.Key == key && (r.On == nil || slices.Contains(r.On, name)) {
			return r.Values
		}
	}
	return nil
}

var (
	movePhases     = []string{string(MoveStarted), string(MoveDone), string(MoveFailed)}
	moveReasons    = []string{string(MoveJoin), string(MoveLeave), string(MoveRepair)}
	moveDirections = []string{directionOut, directionIn}
	nodeStatuses   = []string{string(StatusJoining), string(StatusActive), string(StatusLeaving)}
	hostStatuses   = []string{string(HostEmpty), string(HostJoining), string(HostActive), string(HostOff)}
)

// eventValues is the one table of enumerated attributes of events. Decode refuses other values, except for the
// operation: other emitters have their own operations.
var eventValues = []enumRow{
	{OperationKey, nil, noticing, "the operation that detected it; other emitters may name their own"},
	{MovePhaseKey, nil, movePhases, ""},
	{MoveDirectionKey, nil, moveDirections, "`out` from this member, or `in`"},
	{MoveReasonKey, nil, moveReasons, ""},
	{NodeStatusKey, nil, nodeStatuses, "`left` is accepted, too; members of this project emit `chord.node.left` instead, and no keyframe afterwards"},
	{HostStatusKey, nil, hostStatuses, "`empty`: no members; `joining`: none is active; `off`: its clock is wrong, and it has left the ring"},
}

// spanValues is the one table of enumerated attributes of spans.
var spanValues = []enumRow{
	{OutcomeKey, []string{SpanGet}, []string{OutcomeOK, OutcomeNotFound, OutcomeFailed}, "`not_found`: no such key"},
	{OutcomeKey, []string{SpanRepair}, []string{OutcomeChanged, OutcomeFailed}, ""},
	{OutcomeKey, []string{SpanStabilize, SpanMerge}, []string{OutcomeChanged, OutcomeQuiet, OutcomeBusy, OutcomeFailed}, "`changed`: the round changed something; `busy`: the peer asked to retry later; `failed`: the host stops"},
	{OutcomeKey, rounds, []string{OutcomeChanged, OutcomeQuiet, OutcomeFailed}, "likewise"},
	{OutcomeKey, nil, []string{OutcomeOK, OutcomeFailed}, ""},
	{LookupModeKey, nil, []string{ModeRecursive, ModeIterative}, ""},
	{LookupPointerKey, nil, []string{PointerFinger, PointerSuccessor, PointerSelf}, ""},
	{MoveDirectionKey, nil, moveDirections, ""},
	{MoveReasonKey, nil, moveReasons, ""},
}
