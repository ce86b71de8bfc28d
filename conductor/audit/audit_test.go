package audit

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func opened(t *testing.T, dir string) *Log {
	t.Helper()
	l, err := Open(dir, t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func entry(n int) Entry {
	return Entry{Time: time.Unix(int64(n), 0).UTC(), Who: "token", From: "127.0.0.1:1", What: fmt.Sprintf("POST /api/nodes %d", n), Status: 202}
}

// Added entries exist after a restart, newest first, whatever is at the end of the file or in the middle of it, and
// other lines are not deleted.
func TestRestart(t *testing.T) {
	for name, damage := range map[string]string{
		"whole": "", "truncated within a line": `{"time":"2026-01-01T0`, "no JSON": "\x00\xff\n", "another version": `{"v":2}` + "\n",
		"an endless line": strings.Repeat("x", 3*maxLine), "an empty line": "\n",
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "audit")
			l := opened(t, dir)
			for n := 1; n <= 3; n++ {
				l.Add(entry(n))
			}
			l.Close()
			path := filepath.Join(dir, current)
			f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.WriteString(damage); err != nil {
				t.Fatal(err)
			}
			f.Close()
			for run := 4; run <= 5; run++ {
				l = opened(t, dir)
				l.Add(entry(run))
				l.Close()
			}
			got, lost := opened(t, dir).Last(10)
			if len(got) != 5 || got[0] != entry(5) || got[4] != entry(1) || lost != 0 {
				t.Errorf("%d lost, %+v", lost, got)
			}
			text, err := os.ReadFile(path)
			if err != nil || !bytes.Contains(text, []byte(damage)) {
				t.Errorf("lines that could not be read are gone: %v", err)
			}
		})
	}
}

// Memory, files and entries are bounded, and the newest are kept.
func TestBounds(t *testing.T) {
	dir := t.TempDir()
	l := opened(t, dir)
	const many = 12_000
	long := strings.Repeat("ä", 4000)
	for n := 1; n <= many; n++ {
		e := entry(n)
		if n%2 == 0 {
			e.Detail, e.Error, e.What = long, long, long
		}
		l.Add(e)
	}
	got, lost := l.Last(many)
	if len(got) > maxKept || len(got) < maxKept/2 || lost != 0 || got[0].Time != entry(many).Time {
		t.Errorf("%d entries, %d lost", len(got), lost)
	}
	if n := len(got[0].Detail); n > maxField+len("…") {
		t.Errorf("%d bytes of one text", n)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) != 2 {
		t.Errorf("%v %v", files, err)
	}
	for _, path := range files {
		if info, err := os.Stat(path); err != nil || info.Size() > maxFile || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", path, info, err)
		}
	}
	l.Close()
	again, _ := opened(t, dir).Last(100)
	if !slices.Equal(again, got[:100]) {
		t.Error("other entries after a restart")
	}
}

// A directory that cannot be written loses no entry in memory, is reported once, and is written again when that works.
func TestWriteFails(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "audit")
	var logged []string
	l, err := Open(dir, func(format string, args ...any) { logged = append(logged, fmt.Sprintf(format, args...)) })
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	l.Add(entry(1))
	l.file.Close() // as if the disk were gone
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	for n := 2; n <= 4; n++ {
		l.Add(entry(n))
	}
	if got, lost := l.Last(9); len(got) != 4 || lost != 3 || len(logged) != 1 {
		t.Errorf("%d entries, %d lost, logged %q", len(got), lost, logged)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	l.Add(entry(5))
	if got, _ := opened(t, dir).Last(9); len(got) != 1 || got[0] != entry(5) {
		t.Errorf("%+v", got)
	}
}

func TestInMemory(t *testing.T) {
	l := opened(t, "")
	l.Add(entry(1))
	if got, lost := l.Last(5); len(got) != 1 || lost != 0 {
		t.Errorf("%v %d", got, lost)
	}
}

// However many commands without permission are refused, those that were carried out stay in the record, and the refused
// ones are counted.
func TestRefusalsPushNothingOut(t *testing.T) {
	for _, dir := range []string{"", t.TempDir()} {
		l, err := Open(dir, t.Logf)
		if err != nil {
			t.Fatal(err)
		}
		at := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
		l.Add(Entry{Time: at, Who: "token", What: "POST /api/nodes", Status: 202})
		const refused = 20_000
		for i := range refused {
			l.Add(Entry{Time: at.Add(time.Duration(i) * 10 * time.Millisecond), Who: "view token", What: fmt.Sprintf("POST /api/%d", i), Status: 403, Error: "no"})
		}
		last := at.Add(time.Hour)
		l.Add(Entry{Time: last, Who: "view token", What: "POST /api/nodes", Status: 403, Error: "no"})
		entries, _ := l.Last(1000)
		if n := len(entries); n < 4 || n > 10 || entries[n-1].Who != "token" {
			t.Fatalf("%d entries: %+v", n, entries[n-1])
		}
		counted := len(entries) - 1
		for _, e := range entries {
			var more int
			if n, _ := fmt.Sscanf(e.Error, "%d more were refused since", &more); n == 1 {
				counted += more
			}
		}
		if counted != refused+1 {
			t.Errorf("%d refusals are recorded or counted, want %d", counted, refused+1)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
