package eventlog

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestAnEarlierVersionsDirectory opens what the version before the chain of checksums wrote (four segments of a ring of
// four), reads everything, continues it, and deletes nothing.
func TestAnEarlierVersionsDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "history")
	if err := os.CopyFS(dir, os.DirFS("testdata/format1")); err != nil {
		t.Fatal(err)
	}
	h := mustOpen(t, Options{Dir: dir, segmentEntries: 25})
	if s := h.Stats(); s.LastSeq != 80 || s.Segments != 4 || s.Damaged != 0 {
		t.Errorf("%+v", s)
	}
	last := time.Date(2026, 3, 1, 12, 0, 0, 80e6, time.UTC)
	events, damage, err := h.Until(context.Background(), last, Query{Limit: 100})
	if err != nil || damage != nil || len(events) != 80 {
		t.Errorf("%d events, %v, %v", len(events), damage, err)
	}
	for step := 1; step <= 80; step++ {
		mustAt(t, h, last.Add(time.Duration(step-80)*time.Millisecond))
	}
	v := mustAt(t, h, last)
	for i, m := range v.Members {
		if m.Seq != 20 || m.Load.OwnedKeys != int64(56+i) || m.Load.Gets != 15 || m.Load.KnownHosts != 0 {
			t.Errorf("member %d: %+v", i, m)
		}
	}
	more := *chatter(1)[0]
	more.Time = last.Add(time.Hour)
	h.Append(&more, more.Time)
	h.Flush()
	mustClose(t, h)
	h = mustOpen(t, Options{Dir: dir, segmentEntries: 25})
	defer mustClose(t, h)
	if s := h.Stats(); s.LastSeq != 81 || s.Segments != 5 || s.Damaged != 0 {
		t.Errorf("%+v %v", s, h.Damages())
	}
	mustAt(t, h, last)
}

// TestAFileOfTheFirstFormatIsMissing: files of the first format are not chained by checksums, but their events are
// numbered. So one or more missing files are detected as a damaged part, wherever they were.
func TestAFileOfTheFirstFormatIsMissing(t *testing.T) {
	last := time.Date(2026, 3, 1, 12, 0, 0, 80e6, time.UTC)
	all := files(t, "testdata/format1")
	for from := 1; from < len(all)-1; from++ { // without the first the record begins later, without the last it ends earlier
		for until := from + 1; until < len(all); until++ {
			dir := filepath.Join(t.TempDir(), "history")
			if err := os.CopyFS(dir, os.DirFS("testdata/format1")); err != nil {
				t.Fatal(err)
			}
			for _, path := range all[from:until] {
				if err := os.Remove(filepath.Join(dir, filepath.Base(path))); err != nil {
					t.Fatal(err)
				}
			}
			h := mustOpen(t, Options{Dir: dir, segmentEntries: 25})
			damaged, right := 0, 0
			for step := 1; step <= 80; step++ {
				var damage *DamagedError
				_, err := h.At(context.Background(), last.Add(time.Duration(step-80)*time.Millisecond))
				switch {
				case errors.As(err, &damage):
					damaged++
				case err != nil:
					t.Errorf("files %d to %d missing, step %d: %v", from, until-1, step, err)
				default:
					right++
				}
			}
			if h.Stats().Damaged != 1 || damaged < 15*(until-from) || right < 15 {
				t.Errorf("files %d to %d missing: %d damaged, %d right, %+v", from, until-1, damaged, right, h.Damages())
			}
			mustClose(t, h)
		}
	}
}

// TestEarlierFormsOfCheckpoints opens what versions with an earlier form of checkpoints and events wrote: four segments
// with 80 events of one member. They are read completely, and continued.
func TestEarlierFormsOfCheckpoints(t *testing.T) {
	for _, form := range []string{"form3", "form4", "form5"} {
		dir := filepath.Join(t.TempDir(), "history")
		if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", form))); err != nil {
			t.Fatal(err)
		}
		events := chatter(81)
		h := mustOpen(t, Options{Dir: dir, segmentEntries: 25})
		if s := h.Stats(); s.LastSeq != 80 || s.Segments != 4 || s.Damaged != 0 {
			t.Errorf("%s: %+v", form, s)
		}
		for i, ev := range events[:80] {
			if v := mustAt(t, h, ev.Time); v.Members[0].Seq != int64(i+1) {
				t.Errorf("%s: event %d: the view has %d", form, i+1, v.Members[0].Seq)
			}
		}
		h.Append(events[80], events[80].Time)
		h.Flush()
		mustClose(t, h)
		h = mustOpen(t, Options{Dir: dir, segmentEntries: 25})
		if s := h.Stats(); s.LastSeq != 81 || s.Segments != 5 || s.Damaged != 0 {
			t.Errorf("%s: %+v %v", form, s, h.Damages())
		}
		mustClose(t, h)
	}
}
