// Command conductor listens to a Chord ring over OpenTelemetry, rebuilds it, checks it, shows it live, and, as a
// laboratory, starts rings, loads them and hurts them.
//
// Without arguments it receives OTLP on 4317 and 4318, serves the page and the API on http://127.0.0.1:4321, and starts
// a demo ring whose telemetry takes the same way as any other's. `conductor --help` tells the rest.
//
// This package wires: it reads flags, starts the parts in their order and stops them in the reverse. It decides nothing.
package main
