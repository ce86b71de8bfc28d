package chordevent

import (
	"context"
	"slices"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// Attribute names that only metrics use. The others are OperationKey, OutcomeKey, LookupModeKey, MoveReasonKey and
// MoveDirectionKey. None names a key, and only the chord.member metrics name a member (NodeIDKey). metricValues lists
// their values.
const (
	StoreRoleKey     attribute.Key = "chord.store.role"     // whether a host holds a key as owner or as replica
	MemberStatusKey  attribute.Key = "chord.member.status"  // as the ring view names it
	RingStatusKey    attribute.Key = "chord.ring.status"    // of the ring, as the API names it
	ConditionKey     attribute.Key = "chord.condition"      // the name of a violated condition
	FaultKindKey     attribute.Key = "chord.fault.kind"     // of an emitter, as the API names it
	StageKey         attribute.Key = "chord.stage"          // of an event on its way through the conductor
	EventOutcomeKey  attribute.Key = "chord.event.outcome"  // applied, outdated, refused or malformed
	QueueKey         attribute.Key = "chord.queue"          // which of the conductor's queues
	SignalKey        attribute.Key = "chord.signal"         // of OpenTelemetry
	ForwardTargetKey attribute.Key = "chord.forward.target" // which of the stores
	RefusalReasonKey attribute.Key = "chord.refusal.reason" // why a call, an answer or a connection was refused
	MemoryPartKey    attribute.Key = "chord.memory.part"    // a part of the conductor that has a share of its memory
	AssertionKey     attribute.Key = "chord.assertion"      // the name of an assertion that failed
)

// An Instrument is a kind of metric.
type Instrument string

const (
	Histogram     Instrument = "histogram"
	Counter       Instrument = "counter"
	UpDownCounter Instrument = "up-down counter"
	Gauge         Instrument = "gauge"
)

// A Metric is a row of the metric table. Its methods make the instrument that the row describes, so that name, unit and
// description are defined once.
type Metric struct {
	Name       string
	Unit       string // UCUM
	Instrument Instrument
	Text       string
	Attributes []attribute.Key
	Buckets    []float64 // upper bounds, of histograms
}

var (
	latencyBuckets = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
	hopBuckets     = []float64{0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 24, 32}
)

// Metrics of members.
var (
	LookupDuration    = Metric{"chord.lookup.duration", "s", Histogram, "Time from the start of a lookup to its answer.", []attribute.Key{LookupModeKey, OutcomeKey}, latencyBuckets}
	LookupHops        = Metric{"chord.lookup.hops", "{hop}", Histogram, "Members visited by a lookup; the owner does not count.", []attribute.Key{LookupModeKey, OutcomeKey}, hopBuckets}
	LookupTimeouts    = Metric{"chord.lookup.timeouts", "{timeout}", Counter, "Candidates that did not answer a lookup.", []attribute.Key{LookupModeKey}, nil}
	OperationDuration = Metric{"chord.operation.duration", "s", Histogram, "Time that a get, put or delete took.", []attribute.Key{OperationKey, OutcomeKey}, latencyBuckets}
	MaintenanceRounds = Metric{"chord.maintenance.rounds", "{round}", Counter, "Maintenance rounds.", []attribute.Key{OperationKey, OutcomeKey}, nil}
	PeerFailures      = Metric{"chord.peer.failures", "{failure}", Counter, "Times that contact with a peer was lost.", []attribute.Key{OperationKey}, nil}
	PeerRefusals      = Metric{"chord.peer.refusals", "{refusal}", Counter, "Calls, answers and connections that were refused for the credentials of the other end, or for their content.", []attribute.Key{RefusalReasonKey}, nil}
	StoreKeys         = Metric{"chord.store.keys", "{key}", UpDownCounter, "Keys held by the members of the process.", []attribute.Key{StoreRoleKey}, nil}
	StoreSize         = Metric{"chord.store.size", "By", UpDownCounter, "Bytes held by the members of the process.", []attribute.Key{StoreRoleKey}, nil}
	Reservations      = Metric{"chord.store.reservations", "{reservation}", Counter, "Reservations of memory for a write, which owners request near a host's limit.", []attribute.Key{OutcomeKey}, nil}
	KeysMovedCount    = Metric{"chord.keys.moved", "{key}", Counter, "Keys that were handed off.", []attribute.Key{MoveReasonKey, MoveDirectionKey}, nil}
	TelemetryLost     = Metric{"chord.telemetry.lost", "{record}", Counter, "Event records that this process knows it lost.", nil, nil}
	TelemetryQueue    = Metric{"chord.telemetry.queue", "{record}", Gauge, "Event records that wait for export.", nil, nil}
	NodeAssertions    = Metric{"chord.node.assertions", "{failure}", Counter, "Times that an invariant of the node's own state did not hold: above 0, its code has a bug.", []attribute.Key{AssertionKey}, nil}
)

// MemberMetricsLimit bounds the time series of the chord.member metrics: a ring of more members than this has none.
const MemberMetricsLimit = 256

// Metrics of the conductor.
var (
	RingMembers         = Metric{"chord.ring.members", "{member}", Gauge, "Members in the ring view.", []attribute.Key{RingNameKey, MemberStatusKey}, nil}
	RingRefused         = Metric{"chord.ring.refused", "{member}", Gauge, "Members that are not in the ring view because the ring refuses their hosts: their bits, r or R are not the ring's.", []attribute.Key{RingNameKey}, nil}
	RingStatus          = Metric{"chord.ring.status", "{status}", Gauge, "Status of the ring, by the pointers of its certain members: 1 for the present status, 0 for the others.", []attribute.Key{RingNameKey, RingStatusKey}, nil}
	RingCertain         = Metric{"chord.ring.certain", "1", Gauge, "Members that are certain, as a share of those that are, or may be, on the ring: 1 if all are; 0 while nothing has been received.", []attribute.Key{RingNameKey}, nil}
	RingUncertain       = Metric{"chord.ring.uncertain", "{member}", Gauge, "Members that are not certain: their events are late or missing, or other members name them and none has been received.", []attribute.Key{RingNameKey}, nil}
	RingFaults          = Metric{"chord.ring.faults", "{fault}", Gauge, "Faults of the emitters of the members' telemetry: identities used twice, and wrong clocks, one for each host.", []attribute.Key{RingNameKey, FaultKindKey}, nil}
	RingError           = Metric{"chord.ring.error", "{step}", Gauge, "Ring error of the certain members: 0 exactly when none of their pointers that can be checked is wrong.", []attribute.Key{RingNameKey}, nil}
	RingViolations      = Metric{"chord.ring.violations", "{violation}", Gauge, "Conditions of the invariant that do not hold.", []attribute.Key{RingNameKey, ConditionKey}, nil}
	RingStaleness       = Metric{"chord.ring.staleness", "s", Histogram, "Time from an event's timestamp until it was applied, and from then until it was pushed to the clients.", []attribute.Key{StageKey}, latencyBuckets}
	ConductorEvents     = Metric{"chord.conductor.events", "{event}", Counter, "Events received.", []attribute.Key{EventOutcomeKey}, nil}
	ConductorIgnored    = Metric{"chord.conductor.ignored", "{attribute}", Counter, "Attributes of events that are not in the vocabulary.", nil, nil}
	ConductorQueue      = Metric{"chord.conductor.queue", "{item}", Gauge, "Items that wait in a queue of the conductor.", []attribute.Key{QueueKey}, nil}
	ConductorDropped    = Metric{"chord.conductor.dropped", "{item}", Counter, "Items that a full queue of the conductor dropped.", []attribute.Key{QueueKey}, nil}
	QueueUtilization    = Metric{"chord.conductor.queue.utilization", "1", Gauge, "Fill level of a queue of the conductor: what waits in it, as a share of its bound.", []attribute.Key{QueueKey}, nil}
	ForwardQueue        = Metric{"chord.conductor.forward.queue", "By", Gauge, "Bytes that wait to be forwarded.", []attribute.Key{ForwardTargetKey}, nil}
	ConductorClients    = Metric{"chord.conductor.clients", "{client}", Gauge, "Clients connected for the live view.", nil, nil}
	ConductorMemory     = Metric{"chord.conductor.memory", "By", Gauge, "Bytes that a part of the conductor takes in memory, as it counts them.", []attribute.Key{MemoryPartKey}, nil}
	MemoryLimit         = Metric{"chord.conductor.memory.limit", "By", Gauge, "Bytes that a part of the conductor may take in memory.", []attribute.Key{MemoryPartKey}, nil}
	MemoryShort         = Metric{"chord.conductor.memory.short", "{time}", Counter, "Times that a part of the conductor dropped data because its memory was used up.", []attribute.Key{MemoryPartKey}, nil}
	HistoryEntries      = Metric{"chord.history.entries", "{entry}", Counter, "Entries recorded; dropped because the history was behind; failed because a write failed.", []attribute.Key{OutcomeKey}, nil}
	HistorySize         = Metric{"chord.history.size", "By", Gauge, "Bytes that the history takes, in memory or on disk.", nil, nil}
	HistoryWaiting      = Metric{"chord.history.waiting", "{entry}", Gauge, "Entries that wait to be recorded.", nil, nil}
	HistoryDamage       = Metric{"chord.history.damage", "{stretch}", Gauge, "Unreadable parts of the history, as far as known.", nil, nil}
	HistoryReach        = Metric{"chord.history.reach", "s", Gauge, "How far back the history goes.", nil, nil}
	Received            = Metric{"chord.conductor.received", "{record}", Counter, "Log records, spans and data points received.", []attribute.Key{SignalKey, OutcomeKey}, nil}
	MemberKeys          = Metric{"chord.member.keys", "{key}", Gauge, "Keys that a member holds. Members are distinguished only while there are few: see MemberMetricsLimit.", []attribute.Key{NodeIDKey, StoreRoleKey}, nil}
	MemberSize          = Metric{"chord.member.size", "By", Gauge, "Bytes that a member holds.", []attribute.Key{NodeIDKey}, nil}
	MemberError         = Metric{"chord.member.error", "{step}", Gauge, "A member's share of the ring error.", []attribute.Key{NodeIDKey}, nil}
	MemberAge           = Metric{"chord.member.age", "s", Gauge, "Time since a member's newest event.", []attribute.Key{NodeIDKey}, nil}
	MemberOperations    = Metric{"chord.member.operations", "{operation}", Counter, "Gets, puts and deletes that a member served as owner.", []attribute.Key{NodeIDKey, OperationKey}, nil}
	ConductorAssertions = Metric{"chord.conductor.assertions", "{failure}", Counter, "Times that an invariant of the conductor's own state did not hold: above 0, its code has a bug.", []attribute.Key{AssertionKey}, nil}
	Forwarded           = Metric{"chord.conductor.forwarded", "{record}", Counter, "Log records, spans and data points forwarded.", []attribute.Key{SignalKey, ForwardTargetKey, OutcomeKey}, nil}
)

var nodeMetrics = []*Metric{&LookupDuration, &LookupHops, &LookupTimeouts, &OperationDuration, &MaintenanceRounds,
	&PeerFailures, &PeerRefusals, &StoreKeys, &StoreSize, &Reservations, &KeysMovedCount, &TelemetryLost, &TelemetryQueue, &NodeAssertions}

var conductorMetrics = []*Metric{&RingMembers, &RingStatus, &RingCertain, &RingRefused, &RingUncertain, &RingFaults, &RingError, &RingViolations, &RingStaleness, &ConductorEvents,
	&ConductorIgnored, &ConductorQueue, &QueueUtilization, &ConductorDropped, &ConductorClients, &ConductorMemory, &MemoryLimit, &MemoryShort, &Received, &Forwarded, &ForwardQueue,
	&HistoryEntries, &HistorySize, &HistoryWaiting, &HistoryReach, &HistoryDamage,
	&MemberKeys, &MemberSize, &MemberError, &MemberAge, &MemberOperations, &ConductorAssertions}

// Metrics lists every metric of nodes and conductor.
func Metrics() []*Metric { return append(append([]*Metric(nil), nodeMetrics...), conductorMetrics...) }

// Float64Histogram makes the instrument of a histogram row.
func (m *Metric) Float64Histogram(meter metric.Meter) (metric.Float64Histogram, error) {
	return meter.Float64Histogram(m.Name, metric.WithUnit(m.Unit), metric.WithDescription(m.Text), metric.WithExplicitBucketBoundaries(m.Buckets...))
}

// Int64Histogram makes the instrument of a histogram row whose values are whole numbers.
func (m *Metric) Int64Histogram(meter metric.Meter) (metric.Int64Histogram, error) {
	return meter.Int64Histogram(m.Name, metric.WithUnit(m.Unit), metric.WithDescription(m.Text), metric.WithExplicitBucketBoundaries(m.Buckets...))
}

// Int64Counter makes the instrument of a counter row, and writes 0 for each of its series: a counter that begins above 0
// hides its first step from a rate.
func (m *Metric) Int64Counter(meter metric.Meter) (metric.Int64Counter, error) {
	c, err := meter.Int64Counter(m.Name, metric.WithUnit(m.Unit), metric.WithDescription(m.Text))
	if err != nil {
		return nil, err
	}
	for _, set := range m.Series() {
		c.Add(context.Background(), 0, metric.WithAttributeSet(set))
	}
	return c, nil
}

// Series lists the sets of attributes that the metric can have, all combinations of their values: none if one of them
// names something. The tables bound them; a test checks that they are few.
func (m *Metric) Series() []attribute.Set {
	list := [][]attribute.KeyValue{nil}
	for _, key := range m.Attributes {
		var longer [][]attribute.KeyValue
		for _, have := range list {
			for _, value := range m.Values(key) {
				longer = append(longer, append(slices.Clone(have), key.String(value)))
			}
		}
		list = longer
	}
	sets := make([]attribute.Set, len(list))
	for i := range list {
		sets[i] = attribute.NewSet(list[i]...)
	}
	return sets
}

// Int64UpDownCounter makes the instrument of an up-down counter row.
func (m *Metric) Int64UpDownCounter(meter metric.Meter) (metric.Int64UpDownCounter, error) {
	return meter.Int64UpDownCounter(m.Name, metric.WithUnit(m.Unit), metric.WithDescription(m.Text))
}

// Int64ObservableCounter makes the instrument of a counter row whose total is kept elsewhere.
func (m *Metric) Int64ObservableCounter(meter metric.Meter, total metric.Int64Callback) (metric.Int64ObservableCounter, error) {
	return meter.Int64ObservableCounter(m.Name, metric.WithUnit(m.Unit), metric.WithDescription(m.Text), metric.WithInt64Callback(total))
}

// Int64ObservableGauge makes the instrument of a gauge row.
func (m *Metric) Int64ObservableGauge(meter metric.Meter, value metric.Int64Callback) (metric.Int64ObservableGauge, error) {
	return meter.Int64ObservableGauge(m.Name, metric.WithUnit(m.Unit), metric.WithDescription(m.Text), metric.WithInt64Callback(value))
}

// Float64ObservableGauge makes the instrument of a gauge row whose values are not whole numbers.
func (m *Metric) Float64ObservableGauge(meter metric.Meter, value metric.Float64Callback) (metric.Float64ObservableGauge, error) {
	return meter.Float64ObservableGauge(m.Name, metric.WithUnit(m.Unit), metric.WithDescription(m.Text), metric.WithFloat64Callback(value))
}
