// Package encoding is a compact binary encoding of events and of their parts. Package ring writes its checkpoints in it,
// and package eventlog its segments, in memory and on disk.
//
// A block is what one Writer wrote. It stands alone: identifiers, peers, hosts and strings are written once in it and
// numbered from then on, and times are written as differences, so that an event of a quiet ring takes some 30 bytes. A
// [Reader] trusts nothing: it fails on whatever a Writer could not have written, never panics, and never allocates more
// than a small multiple of the block's length. It does not notice bytes that changed into other valid ones: callers
// that store blocks add a checksum.
//
// What is stored is of some [Form]. A block does not contain it; its caller stores it, and a [Reader] of an older form
// reads that as well, with zeroes for what was not there yet. The package does no I/O.
package encoding
