package chordevent

import "go.opentelemetry.io/otel/attribute"

// Span names: one per operation of a member.
const (
	SpanLookup           = "chord.lookup"
	SpanLookupHop        = "chord.lookup.hop"
	SpanGet              = "chord.get"
	SpanPut              = "chord.put"
	SpanDelete           = "chord.delete"
	SpanJoin             = "chord.join"
	SpanLeave            = "chord.leave"
	SpanStabilize        = "chord.stabilize"
	SpanRectify          = "chord.rectify"
	SpanFixFingers       = "chord.fix_fingers"
	SpanCheckPredecessor = "chord.check_predecessor"
	SpanCheckSuspect     = "chord.check_suspect"
	SpanProbe            = "chord.probe"
	SpanHint             = "chord.hint"
	SpanMerge            = "chord.merge"
	SpanKeysMove         = "chord.keys.move"
	SpanRepair           = "chord.repair"
)

// Attribute names of spans, beside NodeIDKey and HostIDKey, which every span has, and those of events.
const (
	OutcomeKey attribute.Key = "chord.outcome"

	LookupKeyKey      attribute.Key = "chord.lookup.key"
	LookupModeKey     attribute.Key = "chord.lookup.mode"
	LookupHopKey      attribute.Key = "chord.lookup.hop"
	LookupHopsKey     attribute.Key = "chord.lookup.hops"
	LookupPointerKey  attribute.Key = "chord.lookup.pointer"
	LookupSlotKey     attribute.Key = "chord.lookup.slot"
	LookupDistanceKey attribute.Key = "chord.lookup.distance"
	LookupTimeoutsKey attribute.Key = "chord.lookup.timeouts"
	LookupOwnerKey    attribute.Key = "chord.lookup.owner"
	LookupPathKey     attribute.Key = "chord.lookup.path"

	ValueBytesKey    attribute.Key = "chord.value.bytes"
	CopiesKey        attribute.Key = "chord.copies"
	JoinAttemptsKey  attribute.Key = "chord.join.attempts"
	RepairRecordsKey attribute.Key = "chord.repair.records"
	RepairBytesKey   attribute.Key = "chord.repair.bytes"
)

// Values of OutcomeKey. The sampler of package otel reads the outcome a span starts with: see docs/telemetry.md.
const (
	OutcomeOK       = "ok"
	OutcomeChanged  = "changed"   // a maintenance round changed something
	OutcomeQuiet    = "quiet"     // a maintenance round changed nothing
	OutcomeNotFound = "not_found" // no such key
	OutcomeBusy     = "busy"      // the peer asked to retry later
	OutcomeFailed   = "failed"
	OutcomeRefused  = "refused" // not carried out, and it will not be
)

// Values of LookupModeKey.
const (
	ModeRecursive = "recursive"
	ModeIterative = "iterative"
)

// Values of LookupPointerKey.
const (
	PointerFinger    = "finger"
	PointerSuccessor = "successor"
	PointerSelf      = "self"
)

type spanAttr struct {
	Key                 attribute.Key
	Type, Text, Example string
}

var spanAttrs = []spanAttr{
	{NodeIDKey, "string", "the member whose span it is, hex digits as in events", "0a3f9c"},
	{HostIDKey, "string", "the host that carries the member", "host-3"},
	{OutcomeKey, "string", "how the operation ended", "changed"},
	{LookupKeyKey, "string", "the identifier looked up", "54"},
	{LookupModeKey, "string", "how the lookup is passed on from member to member", "recursive"},
	{LookupHopKey, "int", "how many members the lookup visited before this one", "2"},
	{LookupHopsKey, "int", "hops of the whole lookup; the owner does not count", "4"},
	{LookupPointerKey, "string", "which pointer chose the next member; self: it is the last", "finger"},
	{LookupSlotKey, "int", "its finger slot, or its position in the successor list", "155"},
	{LookupDistanceKey, "string", "distance from this member to the key, clockwise", "0c"},
	{LookupTimeoutsKey, "int", "candidates that did not answer", "1"},
	{LookupOwnerKey, "string", "the owner found", "56"},
	{LookupPathKey, "string[]", "the members visited, on a failed lookup that was not sampled", `["08","2a"]`},
	{PeerIDKey, "string", "the other member concerned: the next hop, the notifier, the other side of a move", "2a"},
	{ValueBytesKey, "int", "size of the value", "128"},
	{CopiesKey, "int", "hosts that hold the value now", "3"},
	{JoinAttemptsKey, "int", "tries until the join succeeded", "1"},
	{MoveIDKey, "string", "as in chord.keys.moved", "0a3f9c-4-12"},
	{MoveDirectionKey, "string", "as in chord.keys.moved", "in"},
	{MoveReasonKey, "string", "as in chord.keys.moved", "join"},
	{MoveKeysKey, "int", "keys moved", "1280"},
	{MoveBytesKey, "int", "bytes moved", "163840"},
	{RepairRecordsKey, "int", "records that differed and were transferred", "7"},
	{RepairBytesKey, "int", "their bytes", "1024"},
}

type spanRow struct {
	Name, Text string
	Sampling   string
	Attrs      []attribute.Key // beyond node, host and outcome
}

const (
	sampledByRate  = "at a rate per second; failures always"
	sampledChanges = "changes and failures always; quiet rounds at a ratio"
	sampledAlways  = "always"
	sampledParent  = "with its parent"
)

var spans = []spanRow{
	{SpanLookup, "finds the owner of an identifier", sampledByRate, []attribute.Key{LookupKeyKey, LookupModeKey, LookupPointerKey, LookupSlotKey, LookupDistanceKey, PeerIDKey, LookupHopsKey, LookupTimeoutsKey, LookupOwnerKey, LookupPathKey}},
	{SpanLookupHop, "one member's part of a lookup; nested hop in hop", sampledParent, []attribute.Key{LookupKeyKey, LookupModeKey, LookupHopKey, LookupPointerKey, LookupSlotKey, LookupDistanceKey, LookupTimeoutsKey, PeerIDKey}},
	{SpanGet, "reads a key", sampledByRate, []attribute.Key{LookupKeyKey, LookupOwnerKey, ValueBytesKey}},
	{SpanPut, "writes a key", sampledByRate, []attribute.Key{LookupKeyKey, LookupOwnerKey, ValueBytesKey, CopiesKey}},
	{SpanDelete, "deletes a key", sampledByRate, []attribute.Key{LookupKeyKey, LookupOwnerKey, CopiesKey}},
	{SpanJoin, "from the first contact to the first successor list", sampledAlways, []attribute.Key{PeerIDKey, JoinAttemptsKey}},
	{SpanLeave, "a graceful leave, key handoff included", sampledAlways, []attribute.Key{PeerIDKey}},
	{SpanStabilize, "one round of StabilizeFromSuccessor and its consequences", sampledChanges, []attribute.Key{PeerIDKey}},
	{SpanRectify, "the consequences of a notify", sampledChanges, []attribute.Key{PeerIDKey}},
	{SpanFixFingers, "one round of finger maintenance", sampledChanges, nil},
	{SpanCheckPredecessor, "one ping of the predecessor", sampledChanges, []attribute.Key{PeerIDKey}},
	{SpanCheckSuspect, "pings of a peer that did not answer a lookup, to find out whether it has failed", sampledChanges, []attribute.Key{PeerIDKey}},
	{SpanProbe, "searches for a separated part of the ring: asks one lost or stale peer, or an address to join through", sampledChanges, []attribute.Key{PeerIDKey}},
	{SpanHint, "asks a contact that a peer has named", sampledChanges, []attribute.Key{PeerIDKey}},
	{SpanMerge, "checks a nearer successor that a probe or a hint has found, and adopts it if it answers", sampledChanges, []attribute.Key{PeerIDKey}},
	{SpanKeysMove, "the handoff of a range of keys: `out` at its source, and within it `in` at its receiver", sampledAlways, []attribute.Key{MoveIDKey, MoveDirectionKey, MoveReasonKey, MoveKeysKey, MoveBytesKey, PeerIDKey}},
	{SpanRepair, "re-replication with one replica that found a difference", sampledAlways, []attribute.Key{RepairRecordsKey, RepairBytesKey, PeerIDKey}},
}
