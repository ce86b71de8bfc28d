package chordevent

import (
	"slices"

	"go.opentelemetry.io/otel/attribute"

	"chordconductor/node/chord"
)

// A valueRow lists the values of an attribute of some metrics. Attributes that name something (a ring, a member) have
// no row. Tests compare what is emitted, and what dashboards and alert rules query, with these rows: an alert on a
// value that is never emitted never fires.
type valueRow struct {
	Key    attribute.Key
	On     []*Metric
	Values []string
	Text   string
}

var (
	ownerOperations = []string{SpanGet, SpanPut, SpanDelete}
	rounds          = []string{SpanStabilize, SpanRectify, SpanFixFingers, SpanCheckPredecessor, SpanCheckSuspect, SpanProbe, SpanHint, SpanMerge}
	// noticing lists the operations that detect failed peers.
	noticing = slices.Concat([]string{SpanLookup, SpanLeave, SpanKeysMove, SpanRepair, SpanStabilize, SpanRectify, SpanCheckPredecessor, SpanMerge}, ownerOperations)
	signals  = []string{"traces", "metrics", "logs"}
)

var metricValues = []valueRow{
	{LookupModeKey, []*Metric{&LookupDuration, &LookupHops, &LookupTimeouts}, []string{ModeRecursive, ModeIterative}, ""},
	{OutcomeKey, []*Metric{&LookupDuration, &LookupHops}, []string{OutcomeOK, OutcomeFailed}, "an owner was found, or none"},
	{OutcomeKey, []*Metric{&OperationDuration}, []string{OutcomeOK, OutcomeNotFound, OutcomeRefused, OutcomeFailed}, "`not_found`: a get of a key that was never put; `refused`: not carried out, for lack of memory; `failed`: a write may have been carried out"},
	{OutcomeKey, []*Metric{&Reservations}, []string{OutcomeOK, OutcomeRefused}, "`refused`: the host has no room"},
	{OutcomeKey, []*Metric{&MaintenanceRounds}, []string{OutcomeQuiet, OutcomeChanged, OutcomeBusy, OutcomeFailed}, "`busy`: the peer asked to retry later; `failed`: the host stops"},
	{OutcomeKey, []*Metric{&Received}, []string{"event", "foreign", "ok"}, "log records are a ring's (`event`) or others (`foreign`); spans and data points `ok`"},
	{OutcomeKey, []*Metric{&Forwarded}, []string{"sent", "dropped"}, "`dropped`: the queue was full, or the store refused for good"},
	{OutcomeKey, []*Metric{&HistoryEntries}, []string{"recorded", "dropped", "failed"}, "`dropped`: the history was behind; `failed`: writing did not work"},
	{OperationKey, []*Metric{&OperationDuration, &MemberOperations}, ownerOperations, ""},
	{OperationKey, []*Metric{&MaintenanceRounds}, rounds, ""},
	{OperationKey, []*Metric{&PeerFailures}, noticing, "the operation that detected it"},
	{RefusalReasonKey, []*Metric{&PeerRefusals}, []string{"credentials", "identity", "handshake", "implausible"}, "`implausible`: an epoch too far above the known one, or the version of a record that no clock can have counted up to; `credentials`: a call without those that its service requires; `identity`: a statement in the name of a member of another host; `handshake`: a connection to a peer of which one end did not prove its identity"},
	{StoreRoleKey, []*Metric{&StoreKeys, &StoreSize, &MemberKeys}, []string{"owned", "replica"}, ""},
	{MoveReasonKey, []*Metric{&KeysMovedCount}, moveReasons, ""},
	{MoveDirectionKey, []*Metric{&KeysMovedCount}, moveDirections, "as seen by the members of the process"},
	{MemberStatusKey, []*Metric{&RingMembers}, []string{"joining", "active", "leaving", "left", "failed", "silent"}, ""},
	{RingStatusKey, []*Metric{&RingStatus}, []string{"unknown", "forming", "ideal", "repairing", "violated"}, "as the page and `/api/ring` give it"},
	{ConditionKey, []*Metric{&RingViolations}, []string{
		chord.OrderedSuccessorLists, chord.NoDuplicates, chord.LiveSuccessor, chord.EnoughPrincipals, chord.OneOrderedRing,
		chord.ConnectedAppendages, "OwnershipGap", "OwnershipOverlap", "UnderReplicated",
	}, "the condition's name, as the page and `/api/ring` give it"},
	{FaultKindKey, []*Metric{&RingFaults}, []string{"two_incarnations", "two_processes", "clock_ahead", "clock_behind"}, "`two_incarnations`: a lower incarnation of a member goes on emitting; `two_processes`: events of one incarnation come from two processes; the clock of a host is at least 5 s ahead, or more than a minute behind, of the conductor's"},
	{StageKey, []*Metric{&RingStaleness}, []string{"applied", "pushed"}, "`applied` to the view, `pushed` from there to the clients"},
	{EventOutcomeKey, []*Metric{&ConductorEvents}, append([]string{"applied", "outdated", "refused"}, reasonNames()...), "`outdated`: it contained nothing new; `refused`: of another ring, or beyond a bound; from `unknown_event` on: the reason why it was malformed"},
	{QueueKey, []*Metric{&ConductorQueue}, []string{"events", "spans"}, "`events` wait for the fold, and nodes are asked to retry when it is full; `spans` wait to be assembled into the page's lookups, and are dropped"},
	{QueueKey, []*Metric{&QueueUtilization}, []string{"events", "spans", "history", "forward_traces", "forward_metrics", "forward_logs"}, "those two; entries that wait to be recorded; records that wait to be forwarded, as in `/api/stats`. What does not fit into a queue other than `events` is dropped"},
	{QueueKey, []*Metric{&ConductorDropped}, []string{"spans"}, ""},
	{MemoryPartKey, []*Metric{&ConductorMemory, &MemoryLimit, &MemoryShort}, []string{
		"receive", "decode", "events", "fold", "feed", "lookups", "recording", "history", "past", "forward", "clients", "answers", "watch",
	}, "as in `/api/stats`; docs/operations.md, *Memory*, lists what each part drops"},
	{AssertionKey, []*Metric{&NodeAssertions}, nodeAssertions, nodeAssertionsText},
	{AssertionKey, []*Metric{&ConductorAssertions}, conductorAssertions, conductorAssertionsText},
	{SignalKey, []*Metric{&Received, &Forwarded}, signals, ""},
	{ForwardTargetKey, []*Metric{&Forwarded, &ForwardQueue}, signals, "what goes to `--forward-traces` has the target `traces`, and so on"},
}

// Values lists the values of an attribute of the metric. It returns nil if the attribute names
// something, or if the metric does not have it.
func (m *Metric) Values(key attribute.Key) []string {
	for _, row := range metricValues {
		if row.Key == key && slices.ContainsFunc(row.On, func(on *Metric) bool { return on.Name == m.Name }) {
			return row.Values
		}
	}
	return nil
}

func reasonNames() (names []string) {
	for _, r := range reasons {
		names = append(names, string(r))
	}
	return names
}
