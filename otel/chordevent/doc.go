// Package chordevent is the vocabulary in which ring members report their state: typed events and their form as
// OpenTelemetry log records, the names of span attributes and metrics, and the meaning of each. docs/telemetry.md is
// generated from its tables.
//
// A member calls [Encode] and emits the record through a logger of package otel; the conductor calls [Decode] on the
// records it receives. Both sides share this package, so there is one place where a name can change.
//
// It never does I/O, never reads a clock and keeps no state. Decode trusts nothing: every length and number in a record
// is bounded (see limits.go), and its errors name what it refuses.
package chordevent

//go:generate go test -run TestDocumentation -update .
