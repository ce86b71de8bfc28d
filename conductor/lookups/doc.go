// Package lookups assembles the spans of a Chord lookup into one finished lookup: the members asked, their order, the
// pointer that led to each, the duration and the outcome.
//
// Package ingest decodes spans with Decode; package live owns an Assembler, passes spans to it and reads the finished
// lookups. The package has no clock, no goroutine and no network: the time is an argument. It never keeps a span of
// another application. Lookups are only shown: the view of the ring does not depend on them.
package lookups
