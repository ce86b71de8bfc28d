// Package ingest receives OTLP over gRPC and HTTP, within bounds of bytes, time and depth.
//
// Chord events go to the ring view, Chord lookup spans to the lookup table, and all traces and metrics, of Chord or
// not, to Jaeger and Prometheus if so configured. Only the ring view can push back on a sender; a slow or dead Jaeger
// or Prometheus costs only what its bounded queue cannot hold, which is counted.
//
// The program's main starts a Server. The package never sends requests to a node, and never emits telemetry about the
// requests it serves, which would arrive as further requests.
package ingest
