package main

import (
	"bytes"
	"strings"
	"testing"

	"google.golang.org/grpc/grpclog"
)

// gRPC's own log lines show no secret, and no control character.
func TestGRPCsLogLinesAreRedacted(t *testing.T) {
	const token = "4f9c2b7d1e8a6035c7d2e9b1f4a80c36"
	var out, complaint bytes.Buffer
	if code := execute(t.Context(), []string{"--token", token, "--http", "nonsense"}, &out, &complaint); code != exitUsage {
		t.Errorf("exit %d", code)
	}
	complaint.Reset()
	grpclog.Errorf("received authorization: Bearer %s, and x=%s\x1b[2J", token, token)
	if text := complaint.String(); strings.Contains(text, token) || strings.Contains(text, "\x1b") || strings.Count(text, "(redacted)") != 2 {
		t.Errorf("printed: %q", text)
	}
}
