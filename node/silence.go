package main

import "sync/atomic"

// silence is a time in which the host's telemetry does not arrive. The ring is none the worse for it, and the
// first line says so.
type silence struct {
	on   atomic.Bool
	hint atomic.Bool // has been given
}

// begins is told of failed exports, few enough to say each.
func (s *silence) begins(err error) {
	s.on.Store(true)
	hint := ""
	if !s.hint.Swap(true) {
		hint = "; the ring works without it (OTEL_EXPORTER_OTLP_ENDPOINT says where it goes, OTEL_SDK_DISABLED=true sends none)"
	}
	printf("telemetry does not arrive: %v%s", err, hint)
}

// ends is told when events are exported again.
func (s *silence) ends() {
	if s.on.Swap(false) {
		printf("telemetry arrives again")
	}
}
