package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"chordconductor/internal/freeport"
)

// A host names a misspelt OTEL_* variable in one line, and prints no part of its value.
func TestMisspeltVariable(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "--listen", "127.0.0.1:0", "--join", freeport.Address(t), "--join-timeout", "100ms")
	cmd.Env = append(os.Environ(), "NODE_TEST_MAIN=1", "OTEL_SDK_DISABLED=true", "OTEL_EXPORTER_OTLP_ENDPIONT=http://"+clientToken+".example")
	out, _ := cmd.CombinedOutput()
	if strings.Count(string(out), "OTEL_EXPORTER_OTLP_ENDPIONT: no such variable") != 1 || strings.Contains(string(out), clientToken) {
		t.Errorf("it prints %s", out)
	}
}
