// Package conform judges the telemetry of an emitter by docs/telemetry.md: what was seen, what is missing, and what is
// wrong, each with an example.
//
// A [Judge] takes OTLP messages, of a recording or as a receiver takes them in, and returns a [Report] with a verdict
// for each [Level]. It decodes with the decoders of the view (packages chordevent and lookups), holds spans against the
// table of chordevent, and folds the events with package ring, so that what it accepts is what the page can show.
//
// Command conductor conform uses it. The package does no I/O and never asks a node anything.
package conform
