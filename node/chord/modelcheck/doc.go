// Package modelcheck has no code, only tests: a bounded model checker that runs the transitions of package chord
// through every interleaving that is possible in a small ring.
//
// A model is n places on the circle, lists of r entries, and the events allowed: join, leave, fail, merge, and the
// steps of stabilize and rectify. From its initial rings the checker visits every reachable state once, breadth first,
// and requires of each that the invariant holds; that with no further join, leave or failure every order of the
// remaining steps comes to an end; and that every such end is an ideal ring. On a breach it prints the events that lead
// there.
//
// States are packed: a member is a cell of four bits per pointer, each relative to the member itself, so that a rotated
// ring is a rotated sequence of cells and is visited once. Transitions are computed by the production functions on
// ordinary chord.State values and remembered by packed arguments. Each is computed at every place of two circles, one
// with adjacent identifiers that wraps past 2^m - 1, and must come out the same: the symmetry is checked, not assumed.
//
// The sizes of an ordinary run are chosen for two minutes on two cores; -modelcheck.full adds the larger ones.
// docs/protocol.md lists what has been covered.
package modelcheck
