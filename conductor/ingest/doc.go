// Package ingest receives OTLP over gRPC and HTTP, within bounds of bytes, time and depth.
//
// Chord events go to the ring view, Chord lookup spans to the lookup table, and all traces and metrics, of Chord or
// not, to Jaeger and Prometheus if so configured. Only the ring view can make a sender wait. A slow or dead Jaeger or
// Prometheus can only fill its own bounded queue; what does not fit is dropped and counted.
//
// The program's main starts a Server. The package never sends requests to a node. It emits no telemetry about the
// requests it serves, which would arrive as further requests.
package ingest
