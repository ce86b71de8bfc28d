// Package deptest contains the rules of the source tree as tests: which package may import which, what pure and
// deterministic code must not use, that no code uses OpenTelemetry's globals, that every package documents its purpose,
// and that texts use the glossary's words. It has no code of its own; `go test` is its only caller.
package deptest
