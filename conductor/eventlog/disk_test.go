package eventlog

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"chordconductor/internal/polltest"
)

func files(t *testing.T, dir string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*"+suffix))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// written makes a history of n events, with a frame for every few of them, and returns its files.
func written(t *testing.T, dir string, segment, n, flush int) []string {
	t.Helper()
	h := mustOpen(t, Options{Dir: dir, segmentEntries: segment})
	for i, ev := range chatter(n) {
		h.Append(ev, ev.Time)
		if i%flush == 0 {
			h.Flush()
		}
	}
	mustClose(t, h)
	return files(t, dir)
}

// TestCutAtAnyByte truncates the last file at each of its bytes: what lies before is there, and recording continues.
func TestCutAtAnyByte(t *testing.T) {
	origin := t.TempDir()
	paths := written(t, origin, 20, 45, 3)
	last := paths[len(paths)-1]
	data, err := os.ReadFile(last)
	if err != nil {
		t.Fatal(err)
	}
	more := chatter(60)[50:]
	before := uint64(0)
	c, err := segmentIn(last)
	if err != nil {
		t.Fatal(err)
	}
	headerEnd := len(magic) + frameHeader + len(headerOf(c))
	for cut := 0; cut <= len(data); cut++ {
		dir := filepath.Join(t.TempDir(), "history")
		if err := os.CopyFS(dir, os.DirFS(origin)); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(last)), data[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		h := mustOpen(t, Options{Dir: dir, segmentEntries: 20})
		found := h.Stats().LastSeq
		if h.Stats().Damaged > 0 { // the manifest names a segment whose header is incomplete
			if found < 40 || cut >= headerEnd {
				t.Fatalf("cut at byte %d of %d: %v", cut, len(data), h.Damages())
			}
			mustClose(t, h)
			continue
		}
		if found < before || found < 40 || found > 45 {
			t.Fatalf("cut at byte %d of %d: %d events, cut before that %d", cut, len(data), found, before)
		}
		before = found
		for _, ev := range more {
			h.Append(ev, ev.Time)
		}
		h.Flush()
		events, err := eventsAfter(h, 0, 100)
		if err != nil || len(events) != int(found)+len(more) || events[len(events)-1].Seq != found+uint64(len(more)) {
			t.Fatalf("cut at byte %d: %d events of %d, %v", cut, len(events), int(found)+len(more), err)
		}
		if v := mustAt(t, h, events[found-1].Arrived); v.Members[0].Seq != int64(found) {
			t.Fatalf("cut at byte %d: the view has %d events of %d", cut, v.Members[0].Seq, found)
		}
		mustClose(t, h)
	}
	if before != 45 {
		t.Errorf("uncut: %d events", before)
	}
}

func TestOneConductorToADirectory(t *testing.T) {
	dir := t.TempDir()
	h := mustOpen(t, Options{Dir: dir})
	if _, err := Open(Options{Dir: dir}); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a second one: %v", err)
	}
	mustClose(t, h)
	mustClose(t, mustOpen(t, Options{Dir: dir}))
}

// TestStrayFiles puts other files beside the segments: the history starts, and does not change them.
func TestStrayFiles(t *testing.T) {
	for name, want := range map[string]string{
		"notes" + suffix: "notes" + suffix,
		"notes.txt":      "notes.txt",
		fmt.Sprintf("%020d-%019d%s", 1, 2, suffix): fmt.Sprintf("%020d-%019d%s.damaged", 1, 2, suffix),
		fmt.Sprintf("%010d-%020d%s", 7, 2, suffix): fmt.Sprintf("%010d-%020d%s.damaged", 7, 2, suffix),
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, name), []byte("something else altogether"), 0o600); err != nil {
			t.Fatal(err)
		}
		h := mustOpen(t, Options{Dir: dir})
		for _, ev := range chatter(10) {
			h.Append(ev, ev.Time)
		}
		h.Flush()
		if s := h.Stats(); s.LastSeq != 10 || s.Damaged != 0 {
			t.Errorf("%s: %+v", name, s)
		}
		mustClose(t, h)
		if kept, err := os.ReadFile(filepath.Join(dir, want)); err != nil || string(kept) != "something else altogether" {
			t.Errorf("%s: %q, %v", want, kept, err)
		}
	}
}

// TestWritingFailsForAWhile removes the directory and makes it again.
func TestWritingFailsForAWhile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "history")
	var logged []string
	h := mustOpen(t, Options{Dir: dir, segmentEntries: 100, Logf: func(format string, args ...any) { logged = append(logged, fmt.Sprintf(format, args...)) }})
	events := chatter(8000)
	for _, ev := range events[:150] {
		h.Append(ev, ev.Time)
	}
	h.Flush()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	for _, ev := range events[150:1000] {
		h.Append(ev, ev.Time)
	}
	h.Flush()
	s := h.Stats()
	if s.Failed == 0 || s.Events+s.Failed < 1000 || len(logged) == 0 {
		t.Fatalf("%+v, logged %q", s, logged)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, ev := range events[1000:] { // retryAfter passes by the events' clock
		h.Append(ev, ev.Time)
	}
	h.Flush()
	if v := mustAt(t, h, events[7999].Time); v.Members[0].Seq != 8000 || v.Members[0].Uncertain {
		t.Errorf("%+v", v.Members[0])
	}
	mustClose(t, h)
	if last := logged[len(logged)-1]; !strings.Contains(last, "writing has resumed") {
		t.Errorf("logged %q", logged)
	}
}

const childEnv = "HISTORY_TEST_DIR"

// onDisk returns the number of events that another process would now find on disk.
func onDisk(t *testing.T, dir string) uint64 {
	t.Helper()
	copied := filepath.Join(t.TempDir(), "history")
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	h := mustOpen(t, Options{Dir: copied})
	defer mustClose(t, h)
	return h.Stats().LastSeq
}

// TestOnDiskSoon reads the files during the recording: they contain everything but the last moments.
func TestOnDiskSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		h := mustOpen(t, Options{Dir: dir, segmentEntries: 1000})
		defer mustClose(t, h)
		const pause = 10 * time.Millisecond
		recorded := uint64(0)
		for _, ev := range chatter(300) {
			h.Append(ev, ev.Time)
			recorded++
			time.Sleep(pause)
			if recorded%10 > 0 {
				continue
			}
			synctest.Wait()
			if found := onDisk(t, dir); (recorded-found)*uint64(pause) > uint64(flushEvery) {
				t.Errorf("%d of %d events are on disk", found, recorded)
			}
		}
	})
}

// TestKill runs a child process that records, kills it, and reads what it has left: everything that was on disk.
func TestKill(t *testing.T) {
	if dir := os.Getenv(childEnv); dir != "" {
		recordUntilKilled(t, dir)
		return
	}
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run", "^TestKill$")
	cmd.Env = append(os.Environ(), childEnv+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	recorded := uint64(0)
	for lines := bufio.NewScanner(out); recorded < 1500 && lines.Scan(); { // into its second segment
		_, _ = fmt.Sscanf(lines.Text(), "recorded %d", &recorded)
	}
	kept := uint64(0)
	polltest.Until(t, "it has written by itself", func() bool {
		kept = onDisk(t, dir)
		return kept >= recorded
	})
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	h := mustOpen(t, Options{Dir: dir})
	defer mustClose(t, h)
	if found := h.Stats().LastSeq; found < kept {
		t.Errorf("%d events were recorded, %d on disk before the kill, and %d are there", recorded, kept, found)
	}
}

func recordUntilKilled(t *testing.T, dir string) {
	h := mustOpen(t, Options{Dir: dir, segmentEntries: 1000})
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for i, ev := range chatter(100_000) {
		h.Append(ev, ev.Time)
		if i%20 == 19 {
			fmt.Println("recorded", i+1)
			<-tick.C
		}
	}
}
