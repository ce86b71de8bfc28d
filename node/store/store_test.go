package store

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"chordconductor/node/chord"
)

func space(t testing.TB, bits int) chord.Space {
	t.Helper()
	s, err := chord.NewSpace(bits)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func drawRecord(t *rapid.T, s chord.Space) *Record {
	key := fmt.Sprintf("key-%d", rapid.IntRange(0, 400).Draw(t, "key"))
	r := &Record{
		ID: s.Hash([]byte(key)), Key: key, Version: rapid.Uint64Range(1, 9).Draw(t, "version"),
		Writer: s.FromUint64(rapid.Uint64Range(0, 3).Draw(t, "writer")),
		Due:    rapid.Int64Range(0, 5).Draw(t, "due"), Deleted: rapid.Bool().Draw(t, "deleted"),
	}
	if !r.Deleted {
		r.Value = []byte(rapid.StringN(0, 8, 8).Draw(t, "value"))
	}
	return r
}

// inRange lists the model's records of (from, to] in clockwise order.
func inRange(s chord.Space, model map[string]*Record, from, to chord.ID) []*Record {
	var in []*Record
	for _, r := range model {
		if chord.Owns(from, r.ID, to) {
			in = append(in, r)
		}
	}
	slices.SortFunc(in, func(a, b *Record) int {
		switch {
		case a.ID == b.ID:
			return strings.Compare(a.Key, b.Key)
		case a.ID == from: // of the whole circle, the last one
			return 1
		case b.ID == from:
			return -1
		}
		return s.Distance(from, a.ID).Compare(s.Distance(from, b.ID))
	})
	return in
}

func summaryOfAll(records []*Record) Summary {
	var sum Summary
	for _, r := range records {
		sum = sum.plus(summaryOf(r))
	}
	return sum
}

// TestStoreIsAMap runs random changes and queries on a store and on a plain map, on circles small enough for keys to
// share identifiers and large enough for the trie to grow and shrink.
func TestStoreIsAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, err := chord.NewSpace(rapid.SampledFrom([]int{3, 6, 9, 32, 160}).Draw(t, "bits"))
		if err != nil {
			t.Fatal(err)
		}
		st, model := New(s), map[string]*Record{}
		var snapshot Snapshot
		var atSnapshot map[string]*Record
		id := func(name string) chord.ID { return s.Hash([]byte{rapid.Byte().Draw(t, name)}) }
		ascended := func(f func(from, to chord.ID, f func(*Record) bool), from, to chord.ID) []*Record {
			var got []*Record
			f(from, to, func(r *Record) bool { got = append(got, r); return true })
			return got
		}
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				for range rapid.IntRange(1, 200).Draw(t, "n") {
					r := drawRecord(t, s)
					if old := st.Put(r); old != model[r.Key] {
						t.Fatalf("Put %s replaced %v, want %v", r.Key, old, model[r.Key])
					}
					model[r.Key] = r
				}
			},
			"delete": func(t *rapid.T) {
				r := drawRecord(t, s)
				if old := st.Delete(r.ID, r.Key); old != model[r.Key] {
					t.Fatalf("Delete %s dropped %v, want %v", r.Key, old, model[r.Key])
				}
				delete(model, r.Key)
			},
			"cut": func(t *rapid.T) {
				from, to := id("from"), id("to")
				limit := rapid.IntRange(1, 50).Draw(t, "limit")
				want := inRange(s, model, from, to)
				want = want[:min(limit, len(want))]
				if got := st.Cut(from, to, limit); !slices.Equal(got, want) {
					t.Fatalf("Cut dropped %v, want %v", got, want)
				}
				for _, r := range want {
					delete(model, r.Key)
				}
			},
			"snapshot": func(t *rapid.T) {
				snapshot, atSnapshot = st.Snapshot(), maps.Clone(model)
			},
			"": func(t *rapid.T) {
				if st.Len() != len(model) {
					t.Fatalf("Len %d, want %d", st.Len(), len(model))
				}
				from, to := id("from"), id("to")
				want := inRange(s, model, from, to)
				if got := ascended(st.Ascend, from, to); !slices.Equal(got, want) {
					t.Fatalf("Ascend: %v, want %v", got, want)
				}
				if got := st.Summary(from, to); got != summaryOfAll(want) {
					t.Fatalf("Summary %+v, want %+v", got, summaryOfAll(want))
				}
				if atSnapshot != nil {
					want := inRange(s, atSnapshot, from, to)
					if got := ascended(snapshot.Ascend, from, to); !slices.Equal(got, want) {
						t.Fatalf("Snapshot: %v, want %v", got, want)
					}
				}
				until := rapid.Int64Range(0, 5).Draw(t, "until")
				due := st.Due(until, 1000)
				if !slices.IsSortedFunc(due, func(a, b *Record) int { return int(a.Due - b.Due) }) {
					t.Fatalf("Due is not in order: %v", due)
				}
				n := 0
				for _, r := range model {
					if r.Due != 0 && r.Due <= until {
						n++
					}
				}
				if len(due) != n {
					t.Fatalf("Due until %d: %d records, want %d", until, len(due), n)
				}
				if r := drawRecord(t, s); st.Get(r.ID, r.Key) != model[r.Key] {
					t.Fatalf("Get %s: %v, want %v", r.Key, st.Get(r.ID, r.Key), model[r.Key])
				}
			},
		})
	})
}

// TestDigestDistinguishesVersions: two stores have equal digests exactly if they hold the same versions, in whatever
// order these were stored.
func TestDigestDistinguishesVersions(t *testing.T) {
	s := space(t, 160)
	rapid.Check(t, func(t *rapid.T) {
		records := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) *Record { return drawRecord(t, s) }), 1, 300).Draw(t, "records")
		a, b := New(s), New(s)
		for _, r := range records {
			if r.Newer(a.Get(r.ID, r.Key)) {
				a.Put(r)
			}
		}
		for _, r := range slices.Backward(records) {
			if r.Newer(b.Get(r.ID, r.Key)) {
				b.Put(r)
			}
		}
		all := chord.ID{}
		if x, y := a.Summary(all, all).Digest, b.Summary(all, all).Digest; x != y {
			t.Fatalf("digests %x and %x of the same versions", x, y)
		}
		changed := *records[0]
		changed.Version = 10
		b.Put(&changed)
		if x, y := a.Summary(all, all).Digest, b.Summary(all, all).Digest; x == y {
			t.Fatalf("one digest for different versions of %s", changed.Key)
		}
	})
}

// TestPartsCoverTheArc: the parts are the arc, disjoint and in order, and repeated splitting ends at single
// identifiers.
func TestPartsCoverTheArc(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, err := chord.NewSpace(rapid.SampledFrom([]int{3, 4, 6, 160}).Draw(t, "bits"))
		if err != nil {
			t.Fatal(err)
		}
		id := func(name string) chord.ID { return s.Hash([]byte{rapid.Byte().Draw(t, name)}) }
		from, to, probe := id("from"), id("to"), id("probe")
		for depth := 0; ; depth++ {
			ends := Parts(s, from, to)
			if len(ends) == 0 || len(ends) > 32 || ends[len(ends)-1] != to {
				t.Fatalf("Parts(%v, %v) = %v", from, to, ends)
			}
			if len(ends) == 1 {
				if s.Next(from) != to {
					t.Fatalf("(%v, %v] is one part", from, to)
				}
				return
			}
			if depth > idDigits {
				t.Fatal("cutting does not come to an end")
			}
			covering, start := 0, from
			next := [2]chord.ID{from, ends[0]}
			for _, end := range ends {
				if start == end {
					t.Fatalf("Parts(%v, %v) = %v: an empty part", from, to, ends)
				}
				if chord.Owns(start, probe, end) {
					covering++
					next = [2]chord.ID{start, end}
				}
				start = end
			}
			want := 0
			if chord.Owns(from, probe, to) {
				want = 1
			}
			if covering != want {
				t.Fatalf("%d parts of (%v, %v] cover %v, want %d", covering, from, to, probe, want)
			}
			from, to = next[0], next[1]
		}
	})
}
