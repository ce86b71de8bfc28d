// Package otlptest makes OTLP data of chord events for tests, as a node's exporter would. Tests of the conductor's data
// path use it; no program does.
package otlptest
