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
// How a range passes from one member to another is decided in package handoff, which has the steps. Here are the calls of
// the source (handoff_send.go, leave.go), of the receiver (handoff_receive.go, incoming.go), and of a leaver that drops
// its records of others' ranges (leave_replicas.go).
//
// Both sides have a span of it, the receiver's within the source's: from BEGIN to its end, which at the latest comes
// when the receiver, after two call limits of silence, has called the source and found it dead.
//
// # Replicas
//
// Which hosts are the replicas, to whom a write goes next, what two members lack of each other's, and which versions may
// be read is decided in package replication. Here are the calls (replicate.go, compare.go, reconcile.go, repair.go,
// readrepair.go, orphaned.go), and what decides when a range is recovered.
//
// The replicas are the first R-1 distinct hosts after the owner on the circle (replication.Preference). A write is acknowledged
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
