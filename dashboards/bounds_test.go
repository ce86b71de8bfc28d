package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Each constant of bounds.go equals the bound in the code.
func TestBoundsAreThoseOfTheCode(t *testing.T) {
	for _, b := range []struct {
		is, want float64
		file     string
		line     string
	}{
		{successors, 8, "node/host/presets.go", `Successors: 8,`},
		{stabilizeInterval, 0.5, "node/host/presets.go", `Stabilize: 500 * time.Millisecond,`},
		{callLimit, 1, "node/host/presets.go", `CallLimit: time.Second,`},
		{keyframe, 10, "node/member/config.go", `setDefault(&c.Keyframe, 10*time.Second)`},
		{stalenessPeriods, 1.5, "conductor/ring/memberstatus.go", `overduePeriods = 1.5`},
		{silentPeriods, 3, "conductor/ring/memberstatus.go", `silentPeriods  = 3`},
		{forwardQueue, 32 << 20, "conductor/ingest/config.go", `defaultQueueBytes      = 32 << 20`},
		{nodeQueue, 65536, "otel/config.go", `setDefault(&c.Events.Queue, 1<<16)`},
		{viewers, 256, "conductor/hub/hub.go", `defaultMaxClients = 256`},
	} {
		text, err := os.ReadFile(filepath.Join("..", b.file))
		if err != nil {
			t.Fatal(err)
		}
		if b.is != b.want || !strings.Contains(string(text), b.line) {
			t.Errorf("bounds.go has %v, and %s no longer has %q", b.is, b.file, b.line)
		}
	}
}
