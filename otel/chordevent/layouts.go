package chordevent

import "go.opentelemetry.io/otel/attribute"

// A layout is a row of the event table: what an event means and which attributes it carries, in the order in which
// Encode writes them. Decode accepts any order, but is fastest in this one.
type layout struct {
	Kind     Kind
	When     string
	Severity string
	Fields   []field
	Optional uint64 // the fields a record may go without

	index    map[attribute.Key]int // position in Fields
	required uint64
}

var (
	identityFields = []field{fNodeID, fNodeIncarnation, fEventSeq, fHostID, fHostAddress}
	startedFields  = []field{fNodeAddress, fRingBits, fRingSuccessors, fRingReplicas, fNodeVirtualIndex}
	peerFields     = []field{fPeerID, fPeerAddress, fPeerIncarnation, fPeerSeq}
	predFields     = []field{fPredecessorID, fPredecessorAddress, fPredecessorIncarnation, fPredecessorSeq}
	listFields     = []field{fSuccessorsIDs, fSuccessorsAddresses, fSuccessorsIncarnations, fSuccessorsSeqs}
	ownsFields     = []field{fOwnershipOwns, fOwnershipFrom, fOwnershipEpoch}
	fingerFields   = []field{fFingersFirst, fFingersLast, fFingersIDs, fFingersAddresses, fFingersIncarnations, fFingersSeqs}
	hostFields     = []field{fHostIncarnation, fHostSeq, fHostStatus, fHostMembers, fKeyframePeriod, fClockAhead, fClockOthers, fClockBeyond, fProtocolVersion}
	hostIdentity   = []field{fHostID, fHostAddress}
	moveFields     = []field{fMoveID, fMovePhase, fMoveDirection, fMoveFrom, fMoveTo, fMoveKeys, fMoveBytes, fMoveReason}
)

// A peer that is "none" is written as an empty identifier, without the other attributes.
const (
	peerOptional = 1<<fPeerAddress | 1<<fPeerIncarnation | 1<<fPeerSeq
	predOptional = 1<<fPredecessorAddress | 1<<fPredecessorIncarnation | 1<<fPredecessorSeq
)

// layouts is the one table of events.
var layouts = []layout{
	{Kind: KindStarted, When: "a member starts to join. Emitted, with a keyframe, when the first try has not found another member with its identifier", Severity: "INFO", Fields: startedFields},
	{Kind: KindJoined, When: "it has its first successor list and predecessor; the peer is the member it joined through, none if it founded the ring", Severity: "INFO", Fields: peerFields, Optional: peerOptional},
	{Kind: KindSuccessors, When: "its successor list changed", Severity: "INFO", Fields: listFields},
	{Kind: KindPredecessor, When: "its predecessor changed", Severity: "INFO", Fields: predFields, Optional: predOptional},
	{Kind: KindOwnership, When: "the range of keys it is responsible for changed", Severity: "INFO", Fields: ownsFields},
	{Kind: KindFingers, When: "fingers changed; only the runs that did", Severity: "INFO", Fields: fingerFields},
	{Kind: KindPeerFailed, When: "it lost contact with the peer during the operation", Severity: "WARN", Fields: join(peerFields, []field{fOperation}), Optional: peerOptional},
	{Kind: KindKeysMoved, When: "the handoff of a range of keys between it and the peer started, is done or failed", Severity: "INFO; WARN if the move failed", Fields: join(moveFields, peerFields), Optional: peerOptional},
	{Kind: KindLoad, When: "what it holds and served, at most once a second, if it changed", Severity: "INFO", Fields: loadFields, Optional: loadOptional},
	{Kind: KindLeaving, When: "a graceful leave begins; the peer is the successor that takes over", Severity: "INFO", Fields: peerFields, Optional: peerOptional},
	{Kind: KindLeft, When: "a graceful leave is complete; the peer is the successor that took over", Severity: "INFO", Fields: peerFields, Optional: peerOptional},
	{Kind: KindState, When: "the keyframe, everything above at once: on start, periodically, and after any loss of telemetry", Severity: "INFO",
		Fields:   join(startedFields, []field{fNodeStatus, fKeyframePeriod}, listFields, predFields, ownsFields, fingerFields, loadFields, []field{fTelemetryLost}),
		Optional: predOptional | loadOptional},
	{Kind: KindHostState, When: "the state of a host, with or without members: on start, when its status or the number of its members changes, when its clock is found to differ too much from another's, and periodically", Severity: "INFO; WARN if a clock differs too much", Fields: hostFields},
}

// byName finds an event's layout.
var byName = func() map[string]*layout {
	all := make(map[string]*layout, len(layouts))
	for i := range layouts {
		l := &layouts[i]
		l.Fields = join(l.identity(), l.Fields)
		l.index = make(map[attribute.Key]int, len(l.Fields))
		for at, f := range l.Fields {
			l.index[attrs[f].Key] = at
			l.required |= 1 << f
		}
		l.required &^= l.Optional
		all[string(l.Kind)] = l
	}
	return all
}()

// identity returns the attributes that identify the event's subject: a host's event names no member.
func (l *layout) identity() []field {
	if l.Kind == KindHostState {
		return hostIdentity
	}
	return identityFields
}

// position finds an attribute in the event's row.
func (l *layout) position(key string) (at int, known bool) {
	at, known = l.index[attribute.Key(key)]
	return at, known
}

func join(groups ...[]field) []field {
	var all []field
	for _, g := range groups {
		all = append(all, g...)
	}
	return all
}
