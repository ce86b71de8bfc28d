package chord_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"chordconductor/node/chord"
)

// The table behaves like a plain array, and the runs it returns are exactly the slots that changed.
func TestFingersAgainstAnArray(t *testing.T) {
	s := space(t, 160)
	pool := append(peers(s, 1, 2, 3, 4), chord.Peer{})
	rapid.Check(t, func(t *rapid.T) {
		var table [160]chord.Peer
		var f chord.Fingers
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			old, runs := table, slices.Clone(f.Runs())
			before := f
			p := rapid.SampledFrom(pool).Draw(t, "peer")
			var changed []chord.Run
			if rapid.IntRange(0, 3).Draw(t, "drop") == 0 && p.Real() {
				f, changed = f.Drop(p)
				for k := range table {
					if table[k] == p {
						table[k] = chord.Peer{}
					}
				}
			} else {
				a, b := rapid.IntRange(0, 159).Draw(t, "a"), rapid.IntRange(0, 159).Draw(t, "b")
				f, changed = f.Set(min(a, b), max(a, b), p)
				for k := min(a, b); k <= max(a, b); k++ {
					table[k] = p
				}
			}
			if !slices.Equal(before.Runs(), runs) {
				t.Fatal("the earlier table was written to")
			}
			updated := old
			for i, r := range changed {
				if i > 0 && (r.First <= changed[i-1].Last || r.Peer == changed[i-1].Peer && r.First == changed[i-1].Last+1) {
					t.Fatalf("changed runs not compact: %v", changed)
				}
				for k := r.First; k <= r.Last; k++ {
					if old[k] == r.Peer {
						t.Fatalf("slot %d is in a run of changes, and has not changed: %v", k, changed)
					}
					updated[k] = r.Peer
				}
			}
			if updated != table {
				t.Fatalf("changed runs %v do not lead from the old table to the new one", changed)
			}
			checkRuns(t, f, table)
		}
	})
}

func checkRuns(t *rapid.T, f chord.Fingers, table [160]chord.Peer) {
	for k, want := range table {
		if got := f.At(k); got != want {
			t.Fatalf("slot %d: %v, want %v", k, got, want)
		}
	}
	runs := f.Runs()
	for i, r := range runs {
		if r.First > r.Last || !r.Peer.Real() {
			t.Fatalf("run %v", r)
		}
		if i > 0 && (runs[i-1].Last >= r.First || runs[i-1].Last+1 == r.First && runs[i-1].Peer == r.Peer) {
			t.Fatalf("runs overlap or are split: %v", runs)
		}
	}
}

// One answer fills all slots whose start lies between the slot's start and the answer.
func TestFillFrom(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSpace(t)
		self := drawID(t, s, "self")
		answer := chord.Peer{ID: drawID(t, s, "answer"), Addr: "a:1"}
		slot := rapid.IntRange(0, s.Bits()-1).Draw(t, "slot")
		f, _ := chord.Fingers{}.FillFrom(s, self, slot, answer)
		start := s.FingerStart(self, slot)
		for k := range s.Bits() {
			at := s.FingerStart(self, k)
			covered := k == slot || k > slot && answer.ID != start && chord.Owns(start, at, answer.ID)
			want := chord.Peer{}
			if covered && answer.ID != self {
				want = answer
			}
			if got := f.At(k); got != want {
				t.Fatalf("m = %d, slot %d asked, slot %d: %v, want %v", s.Bits(), slot, k, got, want)
			}
		}
	})
}

// Filling the empty table from lookups takes one lookup per run, and yields the paper's table.
func TestFillingTheExample(t *testing.T) { // ToN figure 4(a)
	s := space(t, 6)
	self := s.FromUint64(8)
	var f chord.Fingers
	lookups := 0
	for slot := 0; slot < s.Bits(); lookups++ {
		start := s.FingerStart(self, slot)
		owner := paperRing[0]
		for i, id := range paperRing {
			if i > 0 && chord.Owns(s.FromUint64(paperRing[i-1]), start, s.FromUint64(id)) {
				owner = id
			}
		}
		f, _ = f.FillFrom(s, self, slot, peer(s, owner))
		for slot < s.Bits() && f.At(slot).Real() {
			slot++
		}
	}
	if want := idealFingers(s, self, idealRing(s, 1, paperRing...)); !slices.Equal(f.Runs(), want.Runs()) || lookups != 4 {
		t.Errorf("after %d lookups: %v, want %v", lookups, f.Runs(), want.Runs())
	}
}
