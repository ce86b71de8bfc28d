package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"chordconductor/conductor/eventlog"
	"chordconductor/conductor/ring/ringtest"
	"chordconductor/otel/chordevent"
)

// TestHistoryCheck checks a whole directory, one with a changed byte, and an absent one.
func TestHistoryCheck(t *testing.T) {
	dir := t.TempDir()
	h, err := eventlog.Open(eventlog.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	world := ringtest.NewTestRing(160, 2, func(ev *chordevent.Event) { h.Append(ev, ev.Time) })
	for id := range uint64(4) {
		world.Birth(id)
	}
	world.RepairAll()
	h.Advance(world.Now.Add(time.Second))
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	check := func(dir string) (code int, out, errs string) {
		var stdout, stderr bytes.Buffer
		code = execute(t.Context(), []string{"history", "check", dir}, &stdout, &stderr)
		return code, stdout.String(), stderr.String()
	}
	if code, out, errs := check(dir); code != exitOK || !strings.Contains(out, "whole") || errs != "" {
		t.Errorf("%d %q %q", code, out, errs)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.history"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 4
	if err := os.WriteFile(files[0], data, 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errs := check(dir)
	if code != exitFailed || !strings.Contains(out, "DAMAGED: ") || !strings.Contains(out, "byte ") || !strings.Contains(errs, "cannot be read") {
		t.Errorf("%d %q %q", code, out, errs)
	}
	if code, _, errs := check(filepath.Join(dir, "absent")); code != exitUsage || !strings.Contains(errs, "absent") {
		t.Errorf("%d %q", code, errs)
	}
	if code, out, errs := check(t.TempDir()); code != exitUsage || out != "" || !strings.Contains(errs, "no history in this directory") {
		t.Errorf("a directory without a history: %d %q %q", code, out, errs)
	}
	fresh := t.TempDir()
	empty, err := eventlog.Open(eventlog.Options{Dir: fresh})
	if err != nil {
		t.Fatal(err)
	}
	if err := empty.Close(); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := check(fresh); code != exitOK || errs != "" {
		t.Errorf("a history in which nothing is yet: %d %q", code, errs)
	}
}
