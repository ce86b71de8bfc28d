// Package kv is the key-value side of a ring member: the ownership of keys, their replicas, and how both change
// without losing any. A member (node/member) has one Keeper. It informs the Keeper of changes of the ring, forwards
// peers' calls of nodepb.Keys to it, and offers its Put, Get and Delete to clients. The Keeper decides nothing about
// the ring, and uses the network, time, tasks and randomness through node/env alone.
//
// # Ownership
//
// What the member owns, what it knows of other owners, and how either changes is decided in package ownership. Here are
// the calls: reconcileOwnership is the task that claims a range, watches the owner below and settles contests (its files
// are ownershipreconciler.go, unowned.go, referrals.go, register.go).
//
// # Handoff
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
// Until the release is known to it, the receiver forwards all requests for the range to the source. It learns of the
// release by the COMMIT, by the first request that the source forwards, or by inquiring; if the source dies after
// PREPARE, the receiver takes the range over and recovers it. If either dies before, the source's ownership stands, or
// is taken over from it. A member takes part in one handoff at a time, except those of leavers: they arrive
// concurrently, and are released in turn (see incomings and package chord, leave.go).
//
// Both sides have a span of it, the receiver's within the source's: from BEGIN to its end, which at the latest comes
// when the receiver, after two call limits of silence, has called the source and found it dead.
//
// # Replicas
//
// The replicas are the first R-1 distinct hosts after the owner on the circle (preferenceList). A write is acknowledged
// when R hosts have it; the next host replaces a silent one. The repair task compares the range with every replica, by
// digests (compare), after every change and periodically. A new owner's range needs recovery until it has been compared
// with all members that may have records of it; until then each read and each write first asks them all for the key
// (readRepair); while the owner's host lacks room for all of it, it still needs recovery. Members that do not answer
// meanwhile are remembered, and the receiver of a handoff is informed which members may have records of the range.
// Records of others' ranges that a member holds without being a replica any more (orphaned replicas) it returns to the
// owner, and drops only when that owner confirms that R hosts hold the range. A leaver asks each owner for that by one
// call (shed).
//
// # Versions
//
// The newest version of a key wins everywhere: by the hybrid logical clock, ties by the member that assigned it. The
// owner assigns one version per request, and a greater one if a replica has a newer version of the key instead of it
// (rewrite). No version of a peer leaves its key without room for later ones (checkVersions). A deletion is a version
// too (a tombstone), forgotten after its lifetime and only at all replicas together; a value whose TTL has passed
// becomes one.
//
// # Concurrency and bounds
//
// One mutex guards a Keeper's state, and is never held across a call. Two tasks run until the member ends:
// reconcileOwnership maintains the register, repair the replicas; an outgoing handoff is a task of its own. All records
// of a host count against its HostBudget; past the limit clients' puts are refused, past the reserve handoffs and
// repair are, and nothing stored is ever dropped for room. Every list has a bound, stated where it is declared.
package kv
