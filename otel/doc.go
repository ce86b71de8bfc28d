// Package otel is the one place that configures OpenTelemetry: providers, exporters, resource, sampler, the events'
// own pipeline, the copy of events onto spans, and the shutdown that flushes it all. The programs (node, conductor, and
// fleets inside the conductor) call [Setup] once and inject what they get; a simulated world calls [Memory].
//
// Three signals leave a process. Spans are sampled. Metrics are collected periodically. Events (log records with an
// event name, see chordevent) carry every change of ring state, so they are never sampled and have a pipeline of their
// own: a large bounded queue that overwrites its oldest record when full, export every 100 ms, retries for as long as it
// takes. What is overwritten or refused is counted ([Telemetry.Lost]), and once export works again the members are told
// ([Telemetry.OnRecovery]), so that each can send its whole state.
//
// The standard OTEL_* variables are honoured; a Config field gives way where the variable is set, unless the Config says
// IgnoreEnvironment.
//
// It never sets or reads OpenTelemetry's globals and never writes to stderr. One exception is out of its hands: the SDK
// reports malformed OTEL_* values of its own through its global error handler, once, at start.
package otel
