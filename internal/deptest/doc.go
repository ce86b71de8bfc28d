// Package deptest holds the rules of the source tree as tests: which package may import which, what pure and
// deterministic code must not touch, that nothing uses OpenTelemetry's globals, and that every package says what it is
// for. It has no code of its own; `go test` is its only caller.
package deptest
