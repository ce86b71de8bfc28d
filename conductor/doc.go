// Command conductor receives the telemetry of a Chord ring over OpenTelemetry, rebuilds the ring, checks it, shows it
// live, and, for experiments, starts rings, loads them and injects faults.
//
// Without arguments it receives OTLP on 4317 and 4318, serves the page and the API on http://127.0.0.1:4321, and starts
// a demo ring whose telemetry takes the same path as any other's. `conductor --help` lists the rest.
//
// This package wires: it reads flags, starts the parts in their order and stops them in the reverse. It has no logic of
// its own.
package main
