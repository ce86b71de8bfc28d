package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A rejected run leaves existing reports unchanged, and makes no empty ones.
func TestRefusedRunLeavesReportsAlone(t *testing.T) {
	dir := t.TempDir()
	page, text, recording := filepath.Join(dir, "out.html"), filepath.Join(dir, "out.json"), filepath.Join(dir, "taken.otlp")
	for _, file := range []string{page, recording} {
		if err := os.WriteFile(file, []byte("of before"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, args := range map[string][]string{
		"a recording that is there":          {"--report", page, "--json", text, "--record", recording},
		"a second report in no folder":       {"--report", page, "--json", filepath.Join(dir, "no", "out.json")},
		"a first report that is a directory": {"--json", text, "--report", dir},
	} {
		var complaint bytes.Buffer
		if code := execute(t.Context(), append([]string{"run", "first-ring", "--speed", "virtual"}, args...), &complaint, &complaint); code != exitUsage {
			t.Errorf("%s: exit %d, %s", name, code, &complaint)
		}
		for _, file := range []string{page, recording} {
			if is, err := os.ReadFile(file); err != nil || string(is) != "of before" {
				t.Errorf("%s: %s is %q, %v", name, filepath.Base(file), is, err)
			}
		}
		if _, err := os.Stat(text); !os.IsNotExist(err) {
			t.Errorf("%s: a report that was never written exists: %v", name, err)
		}
	}
}

// A report that is shorter than the file's previous content replaces all of it.
func TestReportReplacesALongerOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.json")
	long := strings.Repeat("x", 1<<20)
	if err := os.WriteFile(path, []byte(long), 0o600); err != nil {
		t.Fatal(err)
	}
	files, err := openReports("", path)
	if err != nil {
		t.Fatal(err)
	}
	if err := files.json.write([]byte("{}")); err != nil {
		t.Fatal(err)
	}
	files.close()
	if is, err := os.ReadFile(path); err != nil || string(is) != "{}" {
		t.Errorf("%d bytes, %v", len(is), err)
	}
}
