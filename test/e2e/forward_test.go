package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"chordconductor/test/internal/polltest"
)

// The conductor forwards spans to the real Jaeger over HTTP; TestNodeProcesses covers gRPC.
func TestSpansReachJaegerOverHTTP(t *testing.T) {
	_, otlp, jaeger := startJaeger(t, startPrometheus(t))
	c := startConductor(t, "--forward-traces", "http://"+otlp, "--forward-traces-header", "x-scope-orgid=ring")
	c.settles(t, 32, "ideal", 60*time.Second)
	polltest.Passes(t, time.Minute, "Jaeger has the members' spans", func() error {
		var services struct{ Data []string }
		if err := getJSON(jaeger+"/api/services", &services); err != nil {
			return err
		}
		if !slices.Contains(services.Data, "chord-node") {
			return fmt.Errorf("services %v", services.Data)
		}
		return nil
	})
}
