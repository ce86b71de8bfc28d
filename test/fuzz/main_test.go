package main

import (
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

func TestTable(t *testing.T) {
	r := result{fuzzer: fuzzer{"conductor/web", "FuzzBodies"}, execs: 7, inputs: 2, took: 10*time.Minute + time.Millisecond, failed: true}
	if text := table([]result{r}); !strings.Contains(text, "| FuzzBodies | conductor/web | 10m0s | 7 | 2 | **failed** |") {
		t.Error(text)
	}
}
