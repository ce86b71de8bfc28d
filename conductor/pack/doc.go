// Package pack is a compact binary form of events and of what they are made of. Package ring writes its checkpoints in
// it, and package history what it keeps, in memory and on disk.
//
// A block is what one Writer wrote. It stands alone: identifiers, peers, hosts and texts are written once in it and
// numbered from then on, and times are written as differences, so that an event of a quiet ring takes some 30 bytes. A
// [Reader] trusts nothing: it fails on whatever a Writer could not have written, never panics, and never allocates more
// than a small multiple of the block's length. It does not notice bytes that changed into others that make sense: who
// stores blocks adds a checksum.
//
// What is stored is of some [Form]. A block does not say which; who stores it does, and a [Reader] of an older one reads
// it all the same, with zeroes for what was not there yet. The package does no I/O.
package pack
