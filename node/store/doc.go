// Package store keeps versioned records in the order of the identifier circle.
//
// It is what a member's keeper holds its keys in, its own and the copies it keeps for others. Records lie in a B-tree by
// (identifier, key), so that a range of the circle is one stretch of the tree (two across zero): it is read, cut off and
// added to without touching the rest. A Snapshot is a clone of the tree in O(1); later changes copy the nodes they touch.
// Beside the tree stands a trie of digests (digest.go), which sums up any arc in the logarithm of the records held. The
// repair of copies compares such sums, so that it costs what differs and not what is stored.
//
// A Store is not safe for concurrent use; its owner's lock is. A Snapshot may be read while the Store changes. The
// package never looks at a clock, and never drops a record unless told to.
package store
