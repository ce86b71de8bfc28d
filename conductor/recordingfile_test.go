package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"chordconductor/conductor/recording"
)

// countRecorded counts the events of a recording by their names, its spans, and the data points of its metrics.
func countRecorded(t *testing.T, path string) (events map[string]int, spans, points int) {
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
			return events, spans, points
		}
		if err != nil {
			t.Fatal(err)
		}
		if m.Traces != nil {
			spans += m.Traces.SpanCount()
		}
		if m.Metrics != nil {
			points += m.Metrics.DataPointCount()
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

// A run without a page can also make a recording, in real time and in virtual time, in which one seed gives one
// recording.
func TestRunRecords(t *testing.T) {
	dir := t.TempDir()
	source := filepath.Join(dir, "small.yaml")
	text := "name: small\nring: {members: 6, successors: 3, transport: memory}\ntiming: {stabilize: 100ms}\nworkload: {rate: 50/s}\nduration: 8s\n" // time enough for six to join on a busy machine
	if err := os.WriteFile(source, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	record := func(speed, name string) (path string, code int, printed string) {
		path = filepath.Join(dir, name)
		var out, complaint bytes.Buffer
		code = execute(t.Context(), []string{"run", source, "--speed", speed, "--record", path}, &out, &complaint)
		return path, code, complaint.String()
	}
	for _, speed := range []string{"real", "virtual"} {
		path, code, complaint := record(speed, speed)
		if code != exitOK {
			t.Fatalf("%s: exit %d: %s", speed, code, complaint)
		}
		events, spans, points := countRecorded(t, path)
		if (points > 0) != (speed == "real") { // in virtual time there are no metrics
			t.Errorf("%s: %d data points", speed, points)
		}
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
	if _, code, complaint := record("virtual", "again"); code != exitUsage || !strings.Contains(complaint, "--record") || !strings.Contains(complaint, "exists") {
		t.Errorf("over a recording that is there: exit %d, %s", code, complaint)
	}
}

// The report and the recording of a run count the same events, and a replay reports its end once.
func TestReportCountsWhatIsRecorded(t *testing.T) {
	dir := t.TempDir()
	recording, report := filepath.Join(dir, "run.otlp"), filepath.Join(dir, "run.json")
	var complaint bytes.Buffer
	if code := execute(t.Context(), []string{"run", "first-ring", "--speed", "virtual", "--record", recording, "--json", report}, &complaint, &complaint); code != exitOK {
		t.Fatalf("exit %d: %s", code, &complaint)
	}
	text, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	var counted struct {
		Telemetry struct {
			Applied  int `json:"events_applied"`
			Outdated int `json:"events_outdated"`
		}
	}
	if err := json.Unmarshal(text, &counted); err != nil {
		t.Fatal(err)
	}
	recorded := 0
	events, _, _ := countRecorded(t, recording)
	for _, n := range events {
		recorded += n
	}
	// Some events may be in transit at the run's end.
	if n := counted.Telemetry.Applied + counted.Telemetry.Outdated; n > recorded || n < recorded-20 {
		t.Errorf("the report counts %d events, the recording has %d", n, recorded)
	}

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	read, write := io.Pipe()
	go func() {
		execute(ctx, []string{"replay", recording, "--http", "127.0.0.1:0", "--speed", "100"}, write, io.Discard)
		write.Close()
	}()
	ends := 0
	for lines := bufio.NewScanner(read); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "The recording ends at ") {
			ends++
			stop()
		}
	}
	if ends != 1 {
		t.Errorf("the end was reported %d times", ends)
	}
}
