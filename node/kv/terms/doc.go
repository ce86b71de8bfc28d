// Package terms has the values that the parts of the key side share: arcs of the circle and their
// owners, members that do not count for a while, and the errors of calls to peers. It is a leaf:
// ownership, handoff, replication and kv import it, and it imports none of them.
package terms
