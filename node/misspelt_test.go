package main

import (
	"strings"
	"testing"

	"chordconductor/internal/freeport"
)

// A host names a misspelt OTEL_* variable in one line, and prints no part of its value.
func TestMisspeltVariable(t *testing.T) {
	cmd := command(t, []string{"--listen", "127.0.0.1:0", "--join", freeport.Address(t), "--join-timeout", "100ms"},
		"OTEL_EXPORTER_OTLP_ENDPIONT=http://"+clientToken+".example")
	out, _ := cmd.CombinedOutput()
	if strings.Count(string(out), "OTEL_EXPORTER_OTLP_ENDPIONT: no such variable") != 1 || strings.Contains(string(out), clientToken) {
		t.Errorf("it prints %s", out)
	}
}
