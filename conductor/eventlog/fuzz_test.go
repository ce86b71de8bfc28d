package eventlog

import (
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"
	"time"

	"chordconductor/conductor/encoding"
	"chordconductor/conductor/ring"
	"chordconductor/conductor/ring/ringtest"
	"chordconductor/otel/chordevent"
)

// seedSegment is the data of a segment: a checkpoint of a small ring, then events and instants.
func seedSegment(f *testing.F) []byte {
	f.Helper()
	r := ring.New(ring.Options{})
	w := ringtest.NewTestRing(4, 2, func(ev *chordevent.Event) { r.Apply(ev, ev.Time) })
	w.Birth(1)
	w.Birth(20)
	out := encoding.NewWriter()
	r.Save(out)
	for _, ev := range chatter(2) {
		write(out, entry{event: ev, at: ev.Time})
		write(out, entry{at: ev.Time.Add(time.Second)})
	}
	return out.Bytes()
}

// FuzzSegments reads a segment whose data may be any bytes: the result is an error, or a ring that can be shown at any
// instant.
func FuzzSegments(f *testing.F) {
	f.Add(seedSegment(f))
	f.Fuzz(func(t *testing.T, data []byte) {
		c := &segment{number: 1, first: 1, from: time.Unix(1, 0)}
		cur, err := open(ring.Options{}, c, data)
		if err != nil {
			if !errors.Is(err, ring.ErrVersion) && !errors.Is(err, encoding.ErrCorrupt) {
				t.Fatalf("an error of another kind: %v", err)
			}
			return
		}
		for {
			if _, more := cur.peek(); !more {
				break
			}
			cur.step()
		}
		cur.ring.View()
	})
}

// FuzzFiles opens a directory in which one segment's file has any bytes, in the present format with right checksums or
// unchanged: the history opens, every instant is shown or named as damaged, the check agrees, and the file is kept.
func FuzzFiles(f *testing.F) {
	f.Add(true, seedSegment(f))
	f.Add(false, []byte(magic))
	old, err := os.ReadFile("testdata/format1/00000000000000000076-1772366400076000000.history")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(false, old)
	f.Fuzz(func(t *testing.T, framed bool, data []byte) {
		c := &segment{number: 1, first: 1, from: time.Unix(1772366400, 0).UTC()}
		name, bytes := nameOf(c), data
		if framed {
			sum := crc32.Checksum([]byte(magic), castagnoli)
			bytes, sum = appendFrame([]byte(magic), sum, headerOf(c))
			bytes, _ = appendFrame(bytes, sum, append([]byte{frameOfData}, data...))
		} else if len(data) > len(oldMagic) && string(data[:len(oldMagic)]) == oldMagic {
			name = "00000000000000000001-1772366400000000000.history"
		}
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, name), bytes, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Check(dir, nil); err != nil && !errors.Is(err, ErrNone) {
			t.Fatal(err)
		}
		h, err := Open(Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		<-h.checked
		s := h.Stats()
		for _, at := range []time.Time{s.From, s.To} {
			if _, err := h.At(t.Context(), at); err != nil {
				var damaged *DamagedError
				if !errors.Is(err, ErrOutside) && !errors.As(err, &damaged) {
					t.Fatalf("at %v: %v", at, err)
				}
			}
		}
		if err := h.Close(); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{name, name + ".damaged"} {
			if kept, err := os.ReadFile(filepath.Join(dir, path)); err == nil && string(kept) == string(bytes) {
				return
			}
		}
		t.Fatal("the file is not kept as it was")
	})
}
