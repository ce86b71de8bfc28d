package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"chordconductor/conductor/recording"
)

// taped counts the events of a recording by their names, and its spans.
func taped(t *testing.T, path string) (events map[string]int, spans int) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	events = map[string]int{}
	for from := recording.NewReader(file); ; {
		m, err := from.Next()
		if errors.Is(err, io.EOF) {
			return events, spans
		}
		if err != nil {
			t.Fatal(err)
		}
		if m.Traces != nil {
			spans += m.Traces.SpanCount()
		}
		if m.Logs == nil {
			continue
		}
		for _, rl := range m.Logs.ResourceLogs().All() {
			for _, sl := range rl.ScopeLogs().All() {
				for _, record := range sl.LogRecords().All() {
					events[record.EventName()]++
				}
			}
		}
	}
}

// A run without a page leaves a recording too, in real time and in virtual time, where one seed is one recording.
func TestRunRecords(t *testing.T) {
	dir := t.TempDir()
	source := filepath.Join(dir, "small.yaml")
	text := "name: small\nring: {members: 6, successors: 3, transport: memory}\ntiming: {stabilize: 100ms}\nworkload: {rate: 50/s}\nduration: 3s\n"
	if err := os.WriteFile(source, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	record := func(speed, name string) (path string, code int, said string) {
		path = filepath.Join(dir, name)
		var out, complaint bytes.Buffer
		code = run(t.Context(), []string{"run", source, "--speed", speed, "--record", path}, &out, &complaint)
		return path, code, complaint.String()
	}
	for _, speed := range []string{"real", "virtual"} {
		path, code, said := record(speed, speed)
		if code != exitOK {
			t.Fatalf("%s: exit %d: %s", speed, code, said)
		}
		events, spans := taped(t, path)
		if events["chord.node.started"] != 6 || events["chord.node.joined"] != 6 || events["chord.node.state"] < 6 || spans < 6 {
			t.Errorf("%s: events %v, %d spans", speed, events, spans)
		}
	}
	again, _, _ := record("virtual", "again")
	one, err := os.ReadFile(filepath.Join(dir, "virtual"))
	if err != nil {
		t.Fatal(err)
	}
	if two, err := os.ReadFile(again); err != nil || !bytes.Equal(one, two) {
		t.Errorf("two recordings of one seed differ: %d and %d bytes, %v", len(one), len(two), err)
	}
	if _, code, said := record("virtual", "again"); code != exitUsage || !strings.Contains(said, "--record") || !strings.Contains(said, "exists") {
		t.Errorf("over a recording that is there: exit %d, %s", code, said)
	}
}
