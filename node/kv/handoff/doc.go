// Package handoff decides how a range passes from one member to another: the source's side, the receiver's side with its
// handoffs from several leavers, the search of a leaver for a receiver, and what it holds of others' ranges. Its types
// are state machines: methods take what has happened, and what the member owns, and return what the caller has to do.
// They make no calls, have no lock and start no task; package kv does all that.
//
// A handoff transfers a range from a source to a receiver in five steps, each a call with the handoff's ID, the
// ownership that will result (with its epoch) and both incarnations:
//
//	BEGIN    the receiver agrees; from now on every write of the range goes there too and waits for it
//	RECORDS  the range as it was then, from an O(1) snapshot in chunks; to a receiver with a replica only what differs
//	PREPARE  all records have been sent
//	release  (in the source alone) the receiver is responsible, the source forwards
//	COMMIT   the receiver is informed of the release
//
// Until the receiver knows of the release, it forwards all requests for the range to the source. It
// learns of the release from the COMMIT, from the first request that the source forwards, or by an
// inquiry; if the source dies after PREPARE, the receiver takes the range over and recovers it. If
// the source or the receiver dies before, the source still owns the range, or its range is taken
// over as any dead owner's is. A member takes part in one handoff at a time, except handoffs of
// leavers: these arrive concurrently, and are released one after the other (see Receiving, and
// package chord, leave.go).
package handoff
