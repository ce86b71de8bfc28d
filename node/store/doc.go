// Package store keeps versioned records in the order of the identifier circle.
//
// It holds the keys of a member's keeper, its own and its replicas of other owners' ranges. Records lie in a B-tree by
// (identifier, key), so that a range of the circle is one contiguous part of the tree (two across zero): it is read,
// removed and added to without touching the rest. A Snapshot is a clone of the tree in O(1); later changes copy the
// nodes they touch. Beside the tree, a trie of digests (digest.go) sums up any arc in the logarithm of the records
// held. Re-replication compares such sums, so that it costs what differs and not what is stored.
//
// A Store is not safe for concurrent use; its owner's lock protects it. A Snapshot may be read while the Store changes.
// The package never reads a clock, and never drops a record on its own.
package store
