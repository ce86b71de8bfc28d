package kv

import (
	"encoding/binary"
	"fmt"
	"testing"

	"chordconductor/node/chord"
	"chordconductor/node/kv/terms"
	"chordconductor/node/nodepb"
)

// BenchmarkApply measures an operation at the owner, replication included, with calls that cost nothing: the cost of
// the Keepers themselves.
func BenchmarkApply(b *testing.B) {
	for _, replicas := range []int{1, 3} {
		s, w := wideSpace(), newFakeWorld()
		var peers []chord.Peer
		for n := range replicas {
			peers = append(peers, chord.Peer{ID: s.FromUint64(uint64(n)), Addr: fmt.Sprint(n), Incarnation: 1})
		}
		cfg := Config{Space: s, Replicas: replicas}
		for _, p := range peers[1:] {
			w.add(b, terms.Ownership{Owner: p}, cfg)
		}
		k, _ := w.add(b, terms.Ownership{Owner: peers[0], From: peers[0].ID, Epoch: 1}, cfg, peers[1:]...)
		apply := func(b *testing.B, op nodepb.ApplyRequest_Operation) {
			b.ReportAllocs()
			value := make([]byte, 128)
			for i := 0; b.Loop(); i++ {
				id := make([]byte, requestIDSize)
				binary.BigEndian.PutUint64(id, w.Uint64())
				a, err := k.Apply(b.Context(), &nodepb.ApplyRequest{RequestId: id, Operation: op, Key: fmt.Appendf(nil, "key-%d", i%10_000), Value: value})
				if err != nil || op == opPut && int(a.Copies) != replicas {
					b.Fatal(a, err)
				}
			}
		}
		b.Run(fmt.Sprintf("put/R=%d", replicas), func(b *testing.B) { apply(b, opPut) })
		b.Run(fmt.Sprintf("get/R=%d", replicas), func(b *testing.B) { apply(b, opGet) })
	}
}

// BenchmarkReconcile compares ranges of some size that differ in ten records, or in none.
func BenchmarkReconcile(b *testing.B) {
	for _, stored := range []int{1_000, 100_000} {
		_, owner, other, own := pair(b)
		for n := range stored {
			rec := record(wideSpace(), n, 1)
			owner.merge(rec, forKeeps)
			other.merge(rec, forKeeps)
		}
		for _, differing := range []int{0, 10} {
			b.Run(fmt.Sprintf("stored=%d/differing=%d", stored, differing), func(b *testing.B) {
				for b.Loop() {
					for n := range differing {
						other.drop(record(wideSpace(), n*(stored/10), 1))
					}
					if done, err := owner.reconcile(b.Context(), other.self, own, own.Arc(), true, nil); err != nil || done.Pushed != differing {
						b.Fatal(done, err)
					}
				}
			})
		}
	}
}
