package store

import (
	"fmt"
	"testing"

	"chordconductor/node/chord"
)

// These benchmarks compare the B-tree with a plain map and a skip list. A member's usual load is get and put; its
// costliest operation is the handoff of a range while clients go on. All hold the same 100,000 records; "btree" is this
// package, digests included.
const benchRecords = 100_000

func benchData(b *testing.B) (chord.Space, []*Record) {
	s := space(b, 160)
	records := make([]*Record, benchRecords)
	for i := range records {
		key := fmt.Sprintf("key-%d", i)
		records[i] = &Record{ID: s.Hash([]byte(key)), Key: key, Value: make([]byte, 100), Version: 1}
	}
	return s, records
}

// arc is a 64th of the circle: the share of a new member in a ring of some 64.
func arc(i int) (from, to chord.ID) {
	from[0], to[0] = byte(i*4), byte(i*4+4)
	return from, to
}

func BenchmarkGet(b *testing.B) {
	s, records := benchData(b)
	st, skip, plain := New(s), newSkipList(), make(map[string]*Record)
	for _, r := range records {
		st.Put(r)
		skip.put(r)
		plain[r.Key] = r
	}
	run := func(name string, get func(r *Record) *Record) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if r := records[i*7919%benchRecords]; get(r) != r {
					b.Fatal("lost a record")
				}
			}
		})
	}
	run("btree", func(r *Record) *Record { return st.Get(r.ID, r.Key) })
	run("map", func(r *Record) *Record { return plain[r.Key] })
	run("skiplist", skip.get)
}

func BenchmarkPut(b *testing.B) {
	s, records := benchData(b)
	run := func(name string, empty func() func(*Record)) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			put := empty()
			for i := 0; b.Loop(); i++ {
				put(records[i*7919%benchRecords])
			}
		})
	}
	run("btree", func() func(*Record) {
		st := New(s)
		return func(r *Record) { st.Put(r) }
	})
	run("map", func() func(*Record) {
		plain := make(map[string]*Record)
		return func(r *Record) { plain[r.Key] = r }
	})
	run("skiplist", func() func(*Record) { return newSkipList().put })
}

// BenchmarkHandoff reads a 64th of the circle, as the source of a move does, and reports the number of its records.
func BenchmarkHandoff(b *testing.B) {
	s, records := benchData(b)
	st, skip, plain := New(s), newSkipList(), make(map[string]*Record)
	for _, r := range records {
		st.Put(r)
		skip.put(r)
		plain[r.Key] = r
	}
	run := func(name string, read func(from, to chord.ID) int) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if n := read(arc(i % 63)); n < benchRecords/100 {
					b.Fatalf("%d records in a 64th", n)
				}
			}
		})
	}
	run("btree", func(from, to chord.ID) (n int) {
		st.Snapshot().Ascend(from, to, func(*Record) bool { n++; return true })
		return n
	})
	run("map", func(from, to chord.ID) (n int) {
		for _, r := range plain {
			if chord.Owns(from, r.ID, to) {
				n++
			}
		}
		return n
	})
	run("skiplist", func(from, to chord.ID) (n int) {
		skip.ascend(&Record{ID: from}, func(r *Record) bool {
			if r.ID.Compare(to) > 0 {
				return false
			}
			n++
			return true
		})
		return n
	})
}

// BenchmarkSplitAndAppend removes a 64th of the circle and puts it back: a range handed off, then received.
func BenchmarkSplitAndAppend(b *testing.B) {
	s, records := benchData(b)
	b.Run("btree", func(b *testing.B) {
		b.ReportAllocs()
		st := New(s)
		for _, r := range records {
			st.Put(r)
		}
		for i := 0; b.Loop(); i++ {
			from, to := arc(i % 63)
			for _, r := range st.Cut(from, to, benchRecords) {
				st.Put(r)
			}
		}
	})
	b.Run("map", func(b *testing.B) {
		b.ReportAllocs()
		plain := make(map[string]*Record)
		for _, r := range records {
			plain[r.Key] = r
		}
		for i := 0; b.Loop(); i++ {
			from, to := arc(i % 63)
			var cut []*Record
			for key, r := range plain {
				if chord.Owns(from, r.ID, to) {
					cut = append(cut, r)
					delete(plain, key)
				}
			}
			for _, r := range cut {
				plain[r.Key] = r
			}
		}
	})
	b.Run("skiplist", func(b *testing.B) {
		b.ReportAllocs()
		skip := newSkipList()
		for _, r := range records {
			skip.put(r)
		}
		for i := 0; b.Loop(); i++ {
			from, to := arc(i % 63)
			var cut []*Record
			skip.ascend(&Record{ID: from}, func(r *Record) bool {
				if r.ID.Compare(to) > 0 {
					return false
				}
				cut = append(cut, r)
				return true
			})
			skip.cut(&Record{ID: from}, &Record{ID: to})
			for _, r := range cut {
				skip.put(r)
			}
		}
	})
}

// BenchmarkSummary is the digest of an arc by the trie, and by reading the records.
func BenchmarkSummary(b *testing.B) {
	s, records := benchData(b)
	st := New(s)
	for _, r := range records {
		st.Put(r)
	}
	b.Run("trie", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			st.Summary(arc(i % 63))
		}
	})
	b.Run("scan", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			from, to := arc(i % 63)
			var sum Summary
			st.Ascend(from, to, func(r *Record) bool { sum = sum.plus(summaryOf(r)); return true })
		}
	})
}

// BenchmarkSnapshotWrites is a put while a fresh snapshot is being read: what the copying of tree nodes costs a client.
func BenchmarkSnapshotWrites(b *testing.B) {
	s, records := benchData(b)
	st := New(s)
	for _, r := range records {
		st.Put(r)
	}
	var snapshot Snapshot
	for i := 0; b.Loop(); i++ {
		if i%10_000 == 0 {
			snapshot = st.Snapshot()
		}
		st.Put(records[i*7919%benchRecords])
	}
	snapshot.Ascend(chord.ID{}, chord.ID{}, func(*Record) bool { return false })
}
