package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// find finds the fuzzers of all decoders of foreign bytes.
func TestFind(t *testing.T) {
	all, err := find("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []fuzzer{
		{"conductor/internal/otlpscan", "FuzzProto"}, {"conductor/internal/otlpscan", "FuzzJSON"}, {"conductor/ingest", "FuzzRequests"},
		{"otel/chordevent", "FuzzDecode"}, {"conductor/hub", "FuzzSpansToPage"}, {"conductor/hub", "FuzzMessages"}, {"conductor/lookups", "FuzzMetrics"},
		{"conductor/recording", "FuzzReader"}, {"conductor/web", "FuzzBodies"}, {"conductor/lab/scenario", "FuzzParse"}, {"conductor/eventlog", "FuzzSegments"},
		{"conductor/ring", "FuzzRestore"}, {"conductor/encoding", "FuzzReader"},
	} {
		if !slices.Contains(all, want) {
			t.Errorf("no %s in %s", want.name, want.dir)
		}
	}
}

func TestWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "page.md")
	if err := os.WriteFile(path, []byte("before\n"+begin+"old\n"+end+"after\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := result{fuzzer: fuzzer{"conductor/web", "FuzzBodies"}, execs: 7, inputs: 2, took: 10*time.Minute + time.Millisecond, failed: true}
	if err := write(path, []result{r}); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if text := string(page); !strings.Contains(text, "| FuzzBodies | conductor/web | 10m0s | 7 | 2 | **failed** |") || strings.Contains(text, "old") ||
		!strings.HasPrefix(text, "before\n") || !strings.HasSuffix(text, "after\n") {
		t.Error(text)
	}
	if err := write(os.DevNull, nil); err == nil {
		t.Error("a file without a place for results")
	}
}
