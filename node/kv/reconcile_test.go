package kv

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"chordconductor/node/chord"
	"chordconductor/node/kv/terms"
	"chordconductor/node/store"
)

func wideSpace() chord.Space {
	s, err := chord.NewSpace(chord.MaxBits)
	if err != nil {
		panic(err)
	}
	return s
}

func record(s chord.Space, n int, version uint64) *store.Record {
	key := fmt.Sprintf("key-%d", n)
	return &store.Record{ID: s.Hash([]byte(key)), Key: key, Value: []byte("some value of usual length"), Version: version}
}

func pair(t testing.TB) (w *fakeWorld, a, b *Keeper, own *terms.Ownership) {
	s := wideSpace()
	w = newFakeWorld()
	peerA, peerB := chord.Peer{ID: s.FromUint64(1), Addr: "a", Incarnation: 1}, chord.Peer{ID: s.FromUint64(2), Addr: "b", Incarnation: 1}
	cfg := Config{Space: s, Replicas: 2}
	a, _ = w.add(t, terms.Ownership{Owner: peerA, From: peerA.ID, Epoch: 1}, cfg, peerB)
	b, _ = w.add(t, terms.Ownership{Owner: peerB}, cfg, peerA)
	return w, a, b, a.reg.Load()
}

// TestReconcile: whatever two members hold, afterwards both hold the newer version of everything.
func TestReconcile(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		_, a, b, own := pair(t)
		s, newest := wideSpace(), map[string]uint64{}
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 0))
		for n := range rapid.SampledFrom([]int{0, 3, 200, 1500}).Draw(rt, "keys") {
			for _, k := range []*Keeper{a, b} {
				if version := random.Uint64N(4); version > 0 {
					rec := record(s, n, version)
					if _, err := k.merge(rec, forKeeps); err != nil {
						rt.Fatal(err)
					}
					newest[rec.Key] = max(newest[rec.Key], version)
				}
			}
		}
		if _, err := a.reconcile(t.Context(), b.self, own, own.Arc(), true, nil); err != nil {
			rt.Fatal(err)
		}
		for _, k := range []*Keeper{a, b} {
			if k.store.Len() != len(newest) {
				rt.Fatalf("%s holds %d records, want %d", k.self.Addr, k.store.Len(), len(newest))
			}
			for key, version := range newest {
				if got := k.store.Get(s.Hash([]byte(key)), key); got == nil || got.Version != version {
					rt.Fatalf("%s holds %v of %s, want version %d", k.self.Addr, got, key, version)
				}
			}
		}
		if done, err := a.reconcile(t.Context(), b.self, own, own.Arc(), true, nil); err != nil || done.Differed {
			rt.Fatalf("a second time: %+v, %v", done, err)
		}
	})
}

// TestRepairCostsWhatDiffers: ten times the records cost hardly more messages, as long as what differs is the same.
func TestRepairCostsWhatDiffers(t *testing.T) {
	const differing = 10
	cost := func(stored int) (calls, bytes int) {
		w, a, b, own := pair(t)
		for n := range stored {
			rec := record(wideSpace(), n, 1)
			a.merge(rec, forKeeps)
			if n%(stored/differing) != 0 {
				b.merge(rec, forKeeps)
			}
		}
		done, err := a.reconcile(t.Context(), b.self, own, own.Arc(), true, nil)
		if err != nil || done.Pushed != differing || done.Pulled != 0 {
			t.Fatalf("%d stored: %+v, %v", stored, done, err)
		}
		return w.calls, w.bytes
	}
	calls, bytes := cost(2_000)
	moreCalls, moreBytes := cost(20_000)
	t.Logf("%d of 2,000 differ: %d calls, %d bytes; of 20,000: %d calls, %d bytes", differing, calls, bytes, moreCalls, moreBytes)
	if moreCalls > calls+4 || moreBytes > 2*bytes {
		t.Error("the cost grows with what is stored")
	}
	w, a, b, own := pair(t)
	for n := range 20_000 {
		rec := record(wideSpace(), n, 1)
		a.merge(rec, forKeeps)
		b.merge(rec, forKeeps)
	}
	if _, err := a.reconcile(t.Context(), b.self, own, own.Arc(), true, nil); err != nil || w.calls != 1 {
		t.Errorf("nothing differs: %d calls, %v", w.calls, err)
	}
}

// TestReconcileManyLargeRecords: batches stay within what a message may carry.
func TestReconcileManyLargeRecords(t *testing.T) {
	_, a, b, own := pair(t)
	for n := range 40 {
		rec := record(wideSpace(), n, 1)
		rec.Value = make([]byte, 100_000+n)
		side := a
		if n%2 == 0 {
			side = b
		}
		if _, err := side.merge(rec, forKeeps); err != nil {
			t.Fatal(err)
		}
	}
	if done, err := a.reconcile(t.Context(), b.self, own, own.Arc(), true, nil); err != nil || done.Pulled != 20 || done.Pushed != 20 {
		t.Fatalf("%+v, %v", done, err)
	}
}
