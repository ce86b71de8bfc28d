package keeper

import (
	"context"

	"chordconductor/node/chord"
	"chordconductor/node/nodepb"
	"chordconductor/otel/chordevent"
)

// Member is what a keeper needs of the ring member it belongs to.
//
// The member passes calls of nodepb.KeysServer on to the keeper after it has checked the header: that the call is for
// this member, of the same ring, and by a clock that can be believed (which it has observed).
type Member interface {
	Self() chord.Peer
	// State is the member's pointers now: an immutable snapshot, taken without a lock.
	State() chord.State
	// Call makes the header of a request to a member: target, sender, clock, ring.
	Call(to chord.Peer) *nodepb.Call
	// Reply makes the header of an answer: status OK, the member itself, clock.
	Reply() *nodepb.Reply
	// Heard takes note of an answer's header: clock, incarnation, event number. It returns an error when the answer does
	// not come from the life of the member that was asked (another incarnation, NOT_MEMBER), which means: dead.
	Received(asked chord.Peer, reply *nodepb.Reply) error
	// Lookup finds the member responsible for a point of the circle; it has confirmed that it is.
	Lookup(ctx context.Context, id chord.ID) (chord.Peer, error)
	// Hosts lists the first distinct hosts beyond the member, clockwise: see chord.Hosts. HostListLen says how many are
	// worth listing.
	Hosts() []chord.Peer
	// HostOwns reports whether some member of the same host owns a range.
	HostOwns() bool
	// Known lists the members that are alive as far as this one knows, be it on another ring: at most some hundred.
	Known() []chord.Peer
	// Acquaint asks the hosts that the member was told to join through, and has not met yet, so that Known lists them.
	Acquaint(ctx context.Context) error
	// Alone reports whether the member has no live successor, and nobody that it has known answers. Without a live
	// successor and without this it has lost its ring, and looks for it.
	Alone() bool
	// PeerFailed reports that a call to a peer met no answer in an operation (a span name).
	PeerFailed(ctx context.Context, p chord.Peer, operation string)
	// Emit numbers an event and sends it. References to peers get the last event number known of them.
	Emit(ctx context.Context, body chordevent.Body)
}
