package replication

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"chordconductor/node/chord"
	"chordconductor/node/kv/terms"
	"chordconductor/node/store"
)

func wide() chord.Space {
	s, err := chord.NewSpace(chord.MaxBits)
	if err != nil {
		panic(err)
	}
	return s
}

func record(n int, version uint64, bytes int) *store.Record {
	key := fmt.Sprint("key ", n)
	return &store.Record{ID: wide().Hash([]byte(key)), Key: key, Version: version, Value: make([]byte, bytes)}
}

func all(s *store.Store, a terms.Arc) (list []*store.Record) {
	s.Ascend(a.From, a.To, func(r *store.Record) bool {
		list = append(list, r)
		return true
	})
	return list
}

// take stores a record unless the one held is as new.
func take(s *store.Store, r *store.Record) bool {
	newer := r.Newer(s.Get(r.ID, r.Key))
	if newer {
		s.Put(r)
	}
	return newer
}

// exchange runs an exchange between two stores, without a network. It drops a random part of each answer to a
// comparison or a fetch, since messages have a limit. It returns how many comparisons were made.
func exchange(t *rapid.T, x *Exchange, mine, theirs *store.Store, refusal error) (comparisons int) {
	for {
		step := x.Next(mine)
		switch {
		case len(step.Compare) > 0:
			if comparisons++; len(step.Compare) > MaxArcs {
				t.Fatalf("%d arcs in a request", len(step.Compare))
			}
			answered := step.Compare[:rapid.IntRange(1, len(step.Compare)).Draw(t, "answered arcs")]
			var differences []Difference
			for _, a := range answered {
				d, err := Read(wide(), mine, a, Differ(wide(), theirs, a, SumOf(mine, a)))
				if err != nil {
					t.Fatal(err)
				}
				differences = append(differences, d)
			}
			x.Compared(differences)
		case len(step.Push) > 0:
			size := int64(0)
			for _, r := range step.Push {
				if size += r.Size(); refusal == nil {
					take(theirs, r)
				}
			}
			if len(step.Push) > terms.BatchRecords || size > terms.BatchBytes && len(step.Push) > 1 {
				t.Fatalf("%d records of %d bytes in a message", len(step.Push), size)
			}
			x.Pushed(refusal)
		case len(step.Fetch) > 0:
			if len(step.Fetch) > MaxFetch {
				t.Fatalf("%d keys in a message", len(step.Fetch))
			}
			answered := rapid.IntRange(1, len(step.Fetch)).Draw(t, "answered keys")
			for _, key := range step.Fetch[:answered] {
				if r := theirs.Get(wide().Hash([]byte(key)), key); r != nil {
					x.Stored(r, take(mine, r), false)
				}
			}
			x.Fetched(answered)
		default:
			return comparisons
		}
	}
}

// TestExchange: afterwards each side that takes part holds the newest version of every record of the arc that either
// held, and nothing outside of it has changed; a second exchange finds no difference, by one comparison.
func TestExchange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mine, theirs := store.New(wide()), store.New(wide())
		n := rapid.SampledFrom([]int{0, 1, 40, 130, 700}).Draw(t, "records")
		bytes := rapid.SampledFrom([]int{0, 4000}).Draw(t, "bytes")
		differ := rapid.SampledFrom([]int{0, 1, 50, 100}).Draw(t, "percent that differ")
		for i := range n {
			version := uint64(5)
			here, there := true, true
			if rapid.IntRange(1, 100).Draw(t, "differs") <= differ {
				version += uint64(rapid.IntRange(0, 2).Draw(t, "versions later"))
				here = rapid.Bool().Draw(t, "here")
				there = rapid.Bool().Draw(t, "there")
			}
			if here {
				mine.Put(record(i, version, bytes))
			}
			if there {
				theirs.Put(record(i, 5, bytes))
			}
		}
		whole := terms.Arc{From: wide().Hash([]byte("a")), To: wide().Hash([]byte("b"))}
		outside := terms.Arc{From: whole.To, To: whole.From}
		want := map[string]*store.Record{}
		for _, r := range append(all(mine, whole), all(theirs, whole)...) {
			if r.Newer(want[r.Key]) {
				want[r.Key] = r
			}
		}
		before, other, others := all(mine, whole), all(mine, outside), all(theirs, outside)
		theirsBefore := all(theirs, whole)
		pulls, pushes := rapid.Bool().Draw(t, "pulls"), rapid.Bool().Draw(t, "pushes")
		var refusal error
		if rapid.IntRange(0, 4).Draw(t, "full") == 0 {
			refusal = errors.New("full")
		}
		x := NewExchange(whole, pulls, pushes)
		exchange(t, x, mine, theirs, refusal)
		newest := func(side string, got, before []*store.Record, complete bool) {
			if !complete {
				if !slices.Equal(got, before) {
					t.Fatalf("%s has changed", side)
				}
				return
			}
			if len(got) != len(want) {
				t.Fatalf("%s holds %d records, want %d", side, len(got), len(want))
			}
			for _, r := range got {
				if !r.Same(want[r.Key]) {
					t.Fatalf("%s holds %s in version %d, want %d", side, r.Key, r.Version, want[r.Key].Version)
				}
			}
		}
		newest("here", all(mine, whole), before, pulls)
		newest("there", all(theirs, whole), theirsBefore, pushes && refusal == nil)
		if !slices.Equal(all(mine, outside), other) || !slices.Equal(all(theirs, outside), others) {
			t.Fatal("something outside of the arc has changed")
		}
		if sent := pushes && refusal != nil && x.Refused() != nil; sent && x.Done.Pushed != 0 {
			t.Fatalf("refused, and %d sent", x.Done.Pushed)
		}
		if pulls && pushes && refusal == nil {
			if again := NewExchange(whole, true, true); exchange(t, again, mine, theirs, nil) != 1 || again.Done.Differed {
				t.Fatal("a second exchange finds a difference")
			}
		}
	})
}

// TestForgedParts: an answer that splits an arc into another number of parts is an error.
func TestForgedParts(t *testing.T) {
	s := store.New(wide())
	whole := terms.Arc{}
	ends := store.Parts(wide(), whole.From, whole.To)
	for n := range 2 * len(ends) {
		d, err := Read(wide(), s, whole, Answer{Parts: make([]Sum, n)})
		if (err == nil) != (n == 0 || n == len(ends)) {
			t.Errorf("%d parts: %v, %v", n, d, err)
		}
	}
}
