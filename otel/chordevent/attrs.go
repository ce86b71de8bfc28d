package chordevent

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/otel/attribute"
)

// Attribute names of events.
const (
	NodeIDKey          attribute.Key = "chord.node.id"
	NodeIncarnationKey attribute.Key = "chord.node.incarnation"
	EventSeqKey        attribute.Key = "chord.event.seq"
	HostIDKey          attribute.Key = "chord.host.id"
	HostAddressKey     attribute.Key = "chord.host.address"

	NodeAddressKey      attribute.Key = "chord.node.address"
	NodeVirtualIndexKey attribute.Key = "chord.node.virtual_index"
	NodeStatusKey       attribute.Key = "chord.node.status"
	RingBitsKey         attribute.Key = "chord.ring.bits"
	RingSuccessorsKey   attribute.Key = "chord.ring.successors"
	RingReplicasKey     attribute.Key = "chord.ring.replicas"

	PeerIDKey          attribute.Key = "chord.peer.id"
	PeerAddressKey     attribute.Key = "chord.peer.address"
	PeerIncarnationKey attribute.Key = "chord.peer.incarnation"
	PeerSeqKey         attribute.Key = "chord.peer.seq"

	PredecessorIDKey          attribute.Key = "chord.predecessor.id"
	PredecessorAddressKey     attribute.Key = "chord.predecessor.address"
	PredecessorIncarnationKey attribute.Key = "chord.predecessor.incarnation"
	PredecessorSeqKey         attribute.Key = "chord.predecessor.seq"

	SuccessorsIDsKey          attribute.Key = "chord.successors.ids"
	SuccessorsAddressesKey    attribute.Key = "chord.successors.addresses"
	SuccessorsIncarnationsKey attribute.Key = "chord.successors.incarnations"
	SuccessorsSeqsKey         attribute.Key = "chord.successors.seqs"

	OwnershipOwnsKey  attribute.Key = "chord.ownership.owns"
	OwnershipFromKey  attribute.Key = "chord.ownership.from"
	OwnershipEpochKey attribute.Key = "chord.ownership.epoch"

	FingersFirstKey        attribute.Key = "chord.fingers.first"
	FingersLastKey         attribute.Key = "chord.fingers.last"
	FingersIDsKey          attribute.Key = "chord.fingers.ids"
	FingersAddressesKey    attribute.Key = "chord.fingers.addresses"
	FingersIncarnationsKey attribute.Key = "chord.fingers.incarnations"
	FingersSeqsKey         attribute.Key = "chord.fingers.seqs"

	OperationKey attribute.Key = "chord.operation"

	MoveIDKey        attribute.Key = "chord.move.id"
	MovePhaseKey     attribute.Key = "chord.move.phase"
	MoveDirectionKey attribute.Key = "chord.move.direction"
	MoveFromKey      attribute.Key = "chord.move.from"
	MoveToKey        attribute.Key = "chord.move.to"
	MoveKeysKey      attribute.Key = "chord.move.keys"
	MoveBytesKey     attribute.Key = "chord.move.bytes"
	MoveReasonKey    attribute.Key = "chord.move.reason"

	HostIncarnationKey attribute.Key = "chord.host.incarnation"
	HostSeqKey         attribute.Key = "chord.host.seq"
	HostStatusKey      attribute.Key = "chord.host.status"
	HostMembersKey     attribute.Key = "chord.host.members"
	ClockAheadKey      attribute.Key = "chord.clock.ahead"
	ClockOthersKey     attribute.Key = "chord.clock.others"
	ClockBeyondKey     attribute.Key = "chord.clock.beyond"
	ProtocolVersionKey attribute.Key = "chord.protocol.version"

	KeyframePeriodKey attribute.Key = "chord.keyframe.period"
	TelemetryLostKey  attribute.Key = "chord.telemetry.lost"
)

// Resource attributes Decode reads.
const (
	RingNameKey          attribute.Key = "chord.ring.name"
	ServiceInstanceIDKey attribute.Key = "service.instance.id"
)

// An attr is a row of the attribute table.
type attr struct {
	Key     attribute.Key
	Type    pcommon.ValueType
	Elem    pcommon.ValueType // of arrays
	Text    string
	Example string
}

// A field is an attribute's position in the table, and its bit in a record's set of attributes.
type field uint8

const (
	fNodeID field = iota
	fNodeIncarnation
	fEventSeq
	fHostID
	fHostAddress
	fNodeAddress
	fNodeVirtualIndex
	fNodeStatus
	fRingBits
	fRingSuccessors
	fRingReplicas
	fPeerID
	fPeerAddress
	fPeerIncarnation
	fPeerSeq
	fPredecessorID
	fPredecessorAddress
	fPredecessorIncarnation
	fPredecessorSeq
	fSuccessorsIDs
	fSuccessorsAddresses
	fSuccessorsIncarnations
	fSuccessorsSeqs
	fOwnershipOwns
	fOwnershipFrom
	fOwnershipEpoch
	fFingersFirst
	fFingersLast
	fFingersIDs
	fFingersAddresses
	fFingersIncarnations
	fFingersSeqs
	fOperation
	fMoveID
	fMovePhase
	fMoveDirection
	fMoveFrom
	fMoveTo
	fMoveKeys
	fMoveBytes
	fMoveReason
	fHostIncarnation
	fHostSeq
	fHostStatus
	fHostMembers
	fClockAhead
	fClockOthers
	fClockBeyond
	fProtocolVersion
	fKeyframePeriod
	fTelemetryLost
	fLoad                                      // the first of loadCounts; the others follow
	numFields = fLoad + field(len(loadCounts)) // at most 64: sets of fields are uint64
)

const (
	str     = pcommon.ValueTypeStr
	num     = pcommon.ValueTypeInt
	boolean = pcommon.ValueTypeBool
	list    = pcommon.ValueTypeSlice
)

// attrs is the one table of event attributes: Encode, Decode and docs/telemetry.md use it. The attributes of a load are
// rows of loadCounts.
var attrs = withLoad([numFields]attr{
	fNodeID:          {NodeIDKey, str, 0, "the member, as ceil(bits/4) hex digits; every other identifier of the record has as many", "0a3f9c"},
	fNodeIncarnation: {NodeIncarnationKey, num, 0, "incarnation of the member: its start, Unix nanoseconds", "1790000000000000000"},
	fEventSeq:        {EventSeqKey, num, 0, "number of the event in this incarnation: 1, 2, 3, … without gaps", "17"},
	fHostID:          {HostIDKey, str, 0, "the host (failure domain) that carries the member", "host-3"},
	fHostAddress:     {HostAddressKey, str, 0, "the host's address", "10.0.0.3:7001"},

	fNodeAddress:      {NodeAddressKey, str, 0, "where peers reach the member", "10.0.0.3:7001"},
	fNodeVirtualIndex: {NodeVirtualIndexKey, num, 0, "which of its host's virtual nodes the member is, from 0", "0"},
	fNodeStatus:       {NodeStatusKey, str, 0, "joining, active, leaving or left", "active"},
	fRingBits:         {RingBitsKey, num, 0, "m: the circle has 2^m identifiers", "160"},
	fRingSuccessors:   {RingSuccessorsKey, num, 0, "r: the length of a successor list", "8"},
	fRingReplicas:     {RingReplicasKey, num, 0, "R: the hosts that hold each key", "3"},

	fPeerID:          {PeerIDKey, str, 0, "the other member the event is about; empty: none", "51c07e"},
	fPeerAddress:     {PeerAddressKey, str, 0, "its address", "10.0.0.7:7001"},
	fPeerIncarnation: {PeerIncarnationKey, num, 0, "its incarnation, as this member knows it; 0: unknown", "1790000000000000000"},
	fPeerSeq:         {PeerSeqKey, num, 0, "the last event of that incarnation that this member has received; 0: none", "230"},

	fPredecessorID:          {PredecessorIDKey, str, 0, "the predecessor; empty: none", "08bb12"},
	fPredecessorAddress:     {PredecessorAddressKey, str, 0, "its address", "10.0.0.2:7001"},
	fPredecessorIncarnation: {PredecessorIncarnationKey, num, 0, "its incarnation", "1790000000000000000"},
	fPredecessorSeq:         {PredecessorSeqKey, num, 0, "its last event known", "88"},

	fSuccessorsIDs:          {SuccessorsIDsKey, list, str, "the successor list, nearest first", `["0b","1c"]`},
	fSuccessorsAddresses:    {SuccessorsAddressesKey, list, str, "their addresses; empty: a placeholder", `["10.0.0.4:7001",""]`},
	fSuccessorsIncarnations: {SuccessorsIncarnationsKey, list, num, "their incarnations", "[1790000000000000000,0]"},
	fSuccessorsSeqs:         {SuccessorsSeqsKey, list, num, "their last events known", "[41,0]"},

	fOwnershipOwns:  {OwnershipOwnsKey, boolean, 0, "whether the member is responsible for any keys", "true"},
	fOwnershipFrom:  {OwnershipFromKey, str, 0, "start of its range (from, chord.node.id]", "08bb12"},
	fOwnershipEpoch: {OwnershipEpochKey, num, 0, "version of the ownership of that range", "4"},

	fFingersFirst:        {FingersFirstKey, list, num, "first slot of each run, ascending", "[0,5]"},
	fFingersLast:         {FingersLastKey, list, num, "last slot of each run, included", "[4,7]"},
	fFingersIDs:          {FingersIDsKey, list, str, "the member that each run points to; empty: none", `["0b","1c"]`},
	fFingersAddresses:    {FingersAddressesKey, list, str, "their addresses", `["10.0.0.4:7001","10.0.0.5:7001"]`},
	fFingersIncarnations: {FingersIncarnationsKey, list, num, "their incarnations", "[1790000000000000000,1790000000000000000]"},
	fFingersSeqs:         {FingersSeqsKey, list, num, "their last events known", "[41,7]"},

	fOperation: {OperationKey, str, 0, "the span name of the operation concerned", "chord.stabilize"},

	fMoveID:        {MoveIDKey, str, 0, "the key move; the same at source and receiver", "0a3f9c-4-12"},
	fMovePhase:     {MovePhaseKey, str, 0, "started, done or failed", "done"},
	fMoveDirection: {MoveDirectionKey, str, 0, "out (from this member) or in", "in"},
	fMoveFrom:      {MoveFromKey, str, 0, "start of the range (from, to] that moves", "08bb12"},
	fMoveTo:        {MoveToKey, str, 0, "end of the range", "0a3f9c"},
	fMoveKeys:      {MoveKeysKey, num, 0, "keys moved so far", "1280"},
	fMoveBytes:     {MoveBytesKey, num, 0, "bytes moved so far", "163840"},
	fMoveReason:    {MoveReasonKey, str, 0, "join, leave or repair", "join"},

	fHostIncarnation: {HostIncarnationKey, num, 0, "start of the host, Unix nanoseconds", "1790000000000000000"},
	fHostSeq:         {HostSeqKey, num, 0, "number of the host's event since its start: 1, 2, 3, …", "7"},
	fHostStatus:      {HostStatusKey, str, 0, "empty (no members), joining (none active), active, or off (its clock is wrong, it has left the ring)", "active"},
	fHostMembers:     {HostMembersKey, num, 0, "its members, joining and leaving ones included", "8"},
	fClockAhead:      {ClockAheadKey, num, 0, "nanoseconds by which its clock is ahead of the median of the hosts that answer it; negative: behind", "-1200000"},
	fClockOthers:     {ClockOthersKey, num, 0, "hosts with which it has compared its clock in the last two minutes", "5"},
	fClockBeyond:     {ClockBeyondKey, num, 0, "of these, those whose clock differs by more than a minute", "0"},
	fProtocolVersion: {ProtocolVersionKey, num, 0, "version of its protocol with other hosts", "2"},

	fKeyframePeriod: {KeyframePeriodKey, num, 0, "nanoseconds until the next keyframe; 0: there will be none", "10000000000"},
	fTelemetryLost:  {TelemetryLostKey, num, 0, "event records that this process knows it lost, since its start", "0"},
})

func withLoad(all [numFields]attr) [numFields]attr {
	for i, c := range &loadCounts {
		all[fLoad+field(i)] = attr{c.key, num, 0, c.text, c.example}
	}
	return all
}
