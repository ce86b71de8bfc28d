// Package terms has the values in which the parts of the key side speak of a ring: arcs of the circle and their owners,
// members that do not count for a while, and the errors of calls to peers. It is a leaf: ownership, handoff,
// replication and kv import it, and it imports none of them.
package terms
