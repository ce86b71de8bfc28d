package kv

import (
	"context"
	"time"

	"chordconductor/node/chord"
	"chordconductor/node/nodepb"
	"chordconductor/otel/chordevent"
)

// Member is what a Keeper needs of the ring member it belongs to.
//
// The member forwards calls of nodepb.KeysServer to the Keeper after it has checked the header: the call is for this
// member, from the same ring, and its clock stamp is plausible (the member has observed it).
type Member interface {
	Self() chord.Peer
	// State returns the member's present pointers: an immutable snapshot, taken without a lock.
	State() chord.State
	// Call makes the header of a request to a member: target, sender, clock, ring.
	Call(to chord.Peer) *nodepb.Call
	// Reply makes the header of an answer: status OK, the member itself, clock.
	Reply() *nodepb.Reply
	// Received processes an answer's header: clock, incarnation, event number. It returns an error if the answer does not
	// come from the incarnation that was asked (another incarnation, NOT_MEMBER): the asked one is dead.
	Received(asked chord.Peer, reply *nodepb.Reply) error
	// Lookup finds the member responsible for a point of the circle, which has confirmed that it is.
	Lookup(ctx context.Context, id chord.ID) (chord.Peer, error)
	// LookupWithin does what Lookup does, for limit at most if that is less than the limit of all lookups.
	LookupWithin(ctx context.Context, id chord.ID, limit time.Duration) (chord.Peer, error)
	// Hosts lists the first distinct hosts beyond the member, clockwise: see chord.Hosts. HostListLen gives their useful
	// number.
	Hosts() []chord.Peer
	// HostOwns reports whether some member of the same host owns a range.
	HostOwns() bool
	// Known lists the members that are alive as far as this one can tell, including those of other rings: at most some
	// hundred.
	Known() []chord.Peer
	// Acquaint calls the configured join hosts that the member has not reached yet, so that Known lists them.
	Acquaint(ctx context.Context) error
	// Alone reports whether the member has no live successor, and no known peer answers. A member without a live successor
	// that is not Alone has lost its ring, and searches for it.
	Alone() bool
	// PeerFailed reports that a call to a peer was not answered in an operation (a span name).
	PeerFailed(ctx context.Context, p chord.Peer, operation string)
	// Emit numbers an event and sends it. References to peers carry the last event number known of them.
	Emit(ctx context.Context, body chordevent.Body)
}
