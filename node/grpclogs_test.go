package main

import (
	"context"
	"strings"
	"testing"

	"google.golang.org/grpc/grpclog"
)

// gRPC's own log lines show no secret.
func TestGRPCsLogLinesAreRedacted(t *testing.T) {
	printed := stderr(t)
	if code := run(context.Background(), new(ending), []string{"--listen", "nonsense", "--control-token", controlToken}); code == 0 {
		t.Error("exit 0")
	}
	grpclog.Errorf("received authorization: Bearer %s, and x=%s", controlToken, controlToken)
	if text := printed(); strings.Contains(text, controlToken) || strings.Count(text, "(redacted)") != 2 {
		t.Errorf("printed: %s", text)
	}
}
