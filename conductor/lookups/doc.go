// Package lookups turns the spans of a Chord lookup into one finished lookup: who was asked, in which order, by which
// pointer, how long it took and how it ended.
//
// Package ingest decodes spans with Decode; package live owns an Assembler, feeds it and reads what is finished. The
// package knows no clock, no goroutine and no network: time comes in as arguments. It never keeps a span of another
// application, and it never decides anything about the ring: lookups are shown, the ring view does not depend on them.
package lookups
