// Package keeper is the key side of a ring member: who owns which keys, who holds copies of them, and how both change
// without losing any. A member (node/member) has one Keeper; it tells the keeper what happens on the ring, passes peers'
// calls of nodepb.Keys on to it, and offers its Put, Get and Delete to clients. The keeper decides nothing about the
// ring, and reaches the network, time, tasks and chance through node/env alone.
//
// # Ownership
//
// A member owns (from, its own identifier], by its ownership register, or nothing. The register is not derived from the
// predecessor pointer: it changes only in the following ways, each with a new epoch, so that of two words on a range the
// later one is known by its epoch (ties by identifier).
//
//	empty  ──Founded──────────────────────────────▶ the whole circle
//	empty  ──Claim, then the owner's move─────────▶ the owner's range up to the claimer's identifier
//	owner  ──move to a claimer────────────────────▶ what is left above the claimer
//	owner  ──move to a member that stays, to leave▶ empty
//	owner  ──the owner of the range below is dead─▶ extended by exactly that range, unclean
//	owner  ──another living owner overlaps────────▶ trimmed, or raised over it and unclean (see yield)
//	empty  ──nobody on the ring owns anything─────▶ the whole circle, unclean
//
// Every word between members carries the speaker's ownership. Whoever knows of an overlapping one that beats it refuses
// and says which; the speaker then asks that owner and either yields or raises its epoch (settle). Words heard are kept
// (claims): they are how a successor knows what a dead owner owned, even if there are no copies at all.
//
// # Moves
//
// A move takes a range from a source to a receiver in five steps, each a call with the move's ID, the ownership that
// will result (with its epoch) and both incarnations:
//
//	BEGIN    the receiver agrees; from now on every write of the range goes there too and waits for it
//	RECORDS  the range as it was then, from an O(1) snapshot in chunks; to a receiver that has a copy only what differs
//	PREPARE  the receiver has everything
//	release  (in the source alone) the receiver is responsible, the source forwards
//	COMMIT   the receiver knows
//
// Until it knows, the receiver passes all requests for the range on to the source. It learns of the release by the
// commit, by the first request that the source passes on, or by asking; if the source dies after PREPARE, it takes the
// range as its own, unclean. If either dies before, the source's ownership stands, or is taken over from it. A member
// takes part in one move at a time, but for those of leavers: they come in side by side, and are released in turn (see
// incomings and package chord, leave.go).
//
// Both sides have a span of it, the receiver's within the source's: from BEGIN to the end it comes to, which at the latest
// is that the receiver, after two call limits of silence, has asked the source and found it dead.
//
// # Copies
//
// The holders of copies are the first R-1 distinct hosts beyond the owner on the circle (walk). A write is acknowledged
// when R hosts have it, a silent one being replaced by the next. The repair task compares the range with every holder,
// by digests (compare), whenever something changed and now and then. A new owner is unclean until it has compared its
// range with everybody who may have records of it; until then each read and each write first asks them all for the key
// (gather); while its host lacks room for all of it, it stays unclean. Who does not answer meanwhile is remembered, and
// whoever gets the range learns who may have records of it. What a member holds of others' ranges without being needed
// any more (leftovers) it brings to the owner, and drops only when that says that R hosts hold the range. A leaver asks
// that of each owner by one call (shed).
//
// # Versions
//
// The newest version of a key wins everywhere: by the hybrid logical clock, ties by the member that assigned it. The
// owner assigns one version per request, and a greater one if a holder of copies has a newer version of the key instead of
// it (rewrite). No version of a peer leaves its key without room for later ones (believe). A deletion is a version too (a
// tombstone), forgotten after its lifetime and only at all holders together; a value whose TTL has passed turns into one.
//
// # Concurrency and bounds
//
// One mutex guards a keeper's state, and is never held across a call. Two tasks run for its life: tend sees to the
// register, repair to the copies; a move out is a task of its own. All records of a host count against its HostBudget;
// past the limit clients' puts are refused, past the reserve moves and repair are, and nothing stored is ever dropped for
// room. Every list has a bound, stated where it is declared.
package keeper
