package chordevent

// Kind is an event's name on the wire, the OpenTelemetry event name.
type Kind string

// The event vocabulary.
const (
	KindStarted     Kind = "chord.node.started"
	KindJoined      Kind = "chord.node.joined"
	KindSuccessors  Kind = "chord.successors.changed"
	KindPredecessor Kind = "chord.predecessor.changed"
	KindOwnership   Kind = "chord.ownership.changed"
	KindFingers     Kind = "chord.fingers.changed"
	KindPeerFailed  Kind = "chord.peer.failed"
	KindKeysMoved   Kind = "chord.keys.moved"
	KindLoad        Kind = "chord.node.load"
	KindLeaving     Kind = "chord.node.leaving"
	KindLeft        Kind = "chord.node.left"
	KindState       Kind = "chord.node.state"
	KindHostState   Kind = "chord.host.state"
)

// Known reports whether an event of that name is in the vocabulary.
func (k Kind) Known() bool { return byName[string(k)] != nil }

func (Started) Kind() Kind            { return KindStarted }
func (Joined) Kind() Kind             { return KindJoined }
func (SuccessorsChanged) Kind() Kind  { return KindSuccessors }
func (PredecessorChanged) Kind() Kind { return KindPredecessor }
func (OwnershipChanged) Kind() Kind   { return KindOwnership }
func (FingersChanged) Kind() Kind     { return KindFingers }
func (PeerFailed) Kind() Kind         { return KindPeerFailed }
func (KeysMoved) Kind() Kind          { return KindKeysMoved }
func (NodeLoad) Kind() Kind           { return KindLoad }
func (Leaving) Kind() Kind            { return KindLeaving }
func (Left) Kind() Kind               { return KindLeft }
func (State) Kind() Kind              { return KindState }
func (HostState) Kind() Kind          { return KindHostState }
