// Package conform checks the telemetry of an emitter against docs/telemetry.md: what was seen, what is missing, and
// what is wrong, each with an example.
//
// A [Verifier] takes OTLP requests, from a recording or from a receiver, and returns a [Report] with a verdict for each
// [Level]. It uses the decoders of the view (packages chordevent and lookups), compares spans with the table of
// chordevent, and folds the events with package ring, so that it accepts exactly what the page can show.
//
// Command conductor conform uses the package. The package does no I/O and never polls a node.
package conform
