package main

import (
	"strings"
	"testing"
)

// A misspelt OTEL_* variable is named in one line, without its value.
func TestMisspeltVariable(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPIONT", "http://a-secret.example")
	r := runConductor(t, "--scenario", "none")
	if code := r.end(); code != exitOK {
		t.Errorf("exit %d", code)
	}
	if text := r.err.String(); strings.Count(text, "OTEL_EXPORTER_OTLP_ENDPIONT: no such variable") != 1 || strings.Contains(text, "a-secret") {
		t.Errorf("it prints %s", text)
	}
}
