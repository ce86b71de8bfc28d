// Package encoding is a compact binary encoding of events and of their parts. Package ring writes its checkpoints in
// it, and package eventlog its segments, in memory and on disk.
//
// A block is what one Writer wrote. It can be read without other blocks: identifiers, peers, hosts and strings are
// written once in it and referred to by number from then on, and times are written as differences, so that an event of
// a quiet ring takes some 30 bytes. A [Reader] does not trust its block: it fails on whatever a Writer could not have
// written, never panics, and never allocates more than a small multiple of the block's length. It does not detect bytes
// that changed into other valid ones: callers that store blocks add a checksum.
//
// Every block has a [Form], the version of its encoding. The block does not contain the number of its form; the caller
// stores it. A [Reader] also reads older forms, with zeroes for the values that they lack. The package does no I/O.
package encoding
