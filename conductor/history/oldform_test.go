package history

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestAnEarlierVersionsDirectory opens what the version before the checksums' chain wrote (four chapters of a ring of
// four), reads it whole, goes on in it, and deletes nothing.
func TestAnEarlierVersionsDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "history")
	if err := os.CopyFS(dir, os.DirFS("testdata/format1")); err != nil {
		t.Fatal(err)
	}
	h := mustOpen(t, Options{Dir: dir, chapter: 25})
	if s := h.Stats(); s.LastSeq != 80 || s.Chapters != 4 || s.Damaged != 0 {
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
	h = mustOpen(t, Options{Dir: dir, chapter: 25})
	defer mustClose(t, h)
	if s := h.Stats(); s.LastSeq != 81 || s.Chapters != 5 || s.Damaged != 0 {
		t.Errorf("%+v %v", s, h.Damages())
	}
	mustAt(t, h, last)
}
