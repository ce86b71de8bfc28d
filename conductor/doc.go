// Command conductor receives the telemetry of a Chord ring over OpenTelemetry, rebuilds the ring, checks it and shows
// it live. For experiments it also starts rings, loads them and injects faults.
//
// Without arguments it receives OTLP on 4317 and 4318, serves the page and the API on http://127.0.0.1:4321, and starts
// a demo ring whose telemetry takes the same path as any other's. `conductor --help` lists the rest.
//
// This package reads the flags, starts the parts in their order and stops them in the reverse order. The parts
// themselves are in other packages.
package main
