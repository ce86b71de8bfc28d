// Package chord is the Chord protocol as pure functions: the identifier circle, a member's ring pointers and their
// transitions, fingers, the choice of a lookup's next hop, and the invariant that a ring must keep.
//
// The running member (node/member) passes it the answers that it has received and carries out the results; the model
// checker (modelcheck) explores every interleaving of the same functions; the conductor's view (conductor/ring) checks
// rings by the same definitions. docs/protocol.md describes the rules in prose.
//
// Nothing here does I/O, reads a clock, draws a random number, starts a goroutine or keeps state between calls. A State
// and a Fingers are values: a transition returns a new one and never writes to a slice it was given, so that readers
// may share them without a lock.
//
// Ring maintenance follows Zave, "Reasoning about identifier spaces: how to make Chord correct" (TSE 2017); lookups and
// fingers follow Stoica et al., "Chord" (IEEE/ACM ToN 2003), which the tests cite as ToN.
package chord
