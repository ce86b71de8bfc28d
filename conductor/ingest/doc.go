// Package ingest receives OTLP over gRPC and HTTP, within bounds of bytes, time and depth.
//
// Chord events go to the ring view, Chord lookup spans to the lookup table, and all traces and metrics, ours or not, on
// to Jaeger and Prometheus if so configured. Only the ring view can push back on a sender; a slow or dead Jaeger or
// Prometheus costs nothing but what its bounded queue cannot hold, which is counted.
//
// The program's main starts a Server. The package never asks a node for anything, and never emits telemetry about the
// requests it serves, which would come back as further requests.
package ingest
