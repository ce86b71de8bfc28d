// Package otel is the one place that configures OpenTelemetry: providers, exporters, resource, sampler, the events' own
// pipeline, the copy of events onto spans, and the shutdown that flushes them. The conductor, fleets inside it and hosts
// (node/host) call [Setup] once and inject the result; a simulated world calls [Memory].
//
// A process emits three signals. Spans are sampled. Metrics are collected periodically. Events (log records with an
// event name, see chordevent) carry every change of ring state, so they are never sampled and have a pipeline of their
// own: a large bounded queue that overwrites its oldest record when full, an export every 100 ms, and retries without
// limit. Overwritten and refused records are counted ([Telemetry.Lost]), and once export works again the members are
// notified ([Telemetry.OnRecovery]), so that each can send its whole state.
//
// The standard OTEL_* variables are honoured; where a variable is set it replaces the Config's field, unless the Config
// has IgnoreEnvironment.
//
// The package never sets or reads OpenTelemetry's globals and never writes to stderr. One exception is beyond its
// control: the SDK reports malformed OTEL_* values of its own through its global error handler, once, at start.
package otel
